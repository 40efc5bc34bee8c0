"""Click files to normalised JSON lines with DuckDB, on one thread.

    python duckdb_copy.py FILE > rows.jsonl

One statement: `read_json` with the columns' types given (sniffing them costs more, and drops what the
first rows do not have), `client.geo` and `client.location` in one column each, countries in upper case,
`Z` after times that have no zone, a UUID of version 8 out of SHA-256 over the row's text, and `COPY` to
standard output as JSON lines. The rows are those of the project's form `flat`, as far as that can be had.
Times stay text: to parse and print them again costs more, and loses the precision given.

What it does not do: keep fields that have no column, or absent fields absent (they come out as null); make
the project's ids, since a row no longer has the text that they are made of; give offsets or positions in
the file (`row_number()` would, for more time); turn other zones into UTC; go on after a bad line (only
`ignore_errors` does, and says nothing); tell identical clicks of one file apart; send anywhere, retry,
remember.
"""

import sys

import duckdb

TYPES = """{
    timestamp: 'VARCHAR',
    client: 'STRUCT(
        "language" VARCHAR,
        location STRUCT(country VARCHAR, region VARCHAR, city VARCHAR, latitude DOUBLE, longitude DOUBLE),
        geo STRUCT(country VARCHAR, region VARCHAR, city VARCHAR, latitude DOUBLE, longitude DOUBLE),
        agent STRUCT("type" VARCHAR, browser STRUCT(name VARCHAR, version VARCHAR),
            os STRUCT(name VARCHAR, version VARCHAR), device STRUCT(name VARCHAR)),
        session STRUCT(started VARCHAR, first BOOLEAN))',
    referral: 'STRUCT(hostname VARCHAR, protocol VARCHAR, "path" VARCHAR,
        origin STRUCT("type" VARCHAR, name VARCHAR))',
    route: 'STRUCT(
        id VARCHAR, slashtag VARCHAR, createdAt VARCHAR,
        creator STRUCT(id VARCHAR, workspace STRUCT(id VARCHAR, name VARCHAR)),
        "domain" STRUCT(id VARCHAR, raw VARCHAR, "zone" VARCHAR),
        tags JSON,
        destination STRUCT(raw VARCHAR, protocol VARCHAR, hostname VARCHAR, "path" VARCHAR,
            params STRUCT(query STRUCT(utm_source VARCHAR[], utm_medium VARCHAR[], utm_campaign VARCHAR[],
                utm_term VARCHAR[], utm_content VARCHAR[]))))'
}"""

UTC = "CREATE MACRO utc(t) AS CASE WHEN t LIKE '%Z' THEN t ELSE t || 'Z' END"

ROWS = """
    SELECT
        utc("timestamp") AS clicked_at,
        client."language" AS "language",
        upper(coalesce(client.location.country, client.geo.country)) AS country,
        coalesce(client.location.region, client.geo.region) AS region,
        coalesce(client.location.city, client.geo.city) AS city,
        coalesce(client.location.latitude, client.geo.latitude) AS latitude,
        coalesce(client.location.longitude, client.geo.longitude) AS longitude,
        client.agent."type" AS agent_type,
        client.agent.browser.name AS browser, client.agent.browser.version AS browser_version,
        client.agent.os.name AS os, client.agent.os.version AS os_version,
        client.agent.device.name AS device,
        utc(client.session.started) AS session_started_at,
        client.session.first AS first_in_session,
        referral.hostname AS referrer_hostname, referral.protocol AS referrer_protocol,
        referral."path" AS referrer_path,
        referral.origin."type" AS referrer_type, referral.origin.name AS referrer_name,
        route.id AS link_id, route.slashtag AS slashtag,
        utc(route.createdAt) AS link_created_at,
        route.creator.id AS creator_id, route.creator.workspace.id AS workspace_id,
        route.creator.workspace.name AS workspace_name,
        route."domain".id AS domain_id, route."domain".raw AS "domain", route."domain"."zone" AS domain_zone,
        route.tags AS tags,
        route.destination.raw AS destination_url, route.destination.protocol AS destination_protocol,
        route.destination.hostname AS destination_hostname, route.destination."path" AS destination_path,
        route.destination.params.query.utm_source AS utm_source,
        route.destination.params.query.utm_medium AS utm_medium,
        route.destination.params.query.utm_campaign AS utm_campaign,
        route.destination.params.query.utm_term AS utm_term,
        route.destination.params.query.utm_content AS utm_content
    FROM read_json(getvariable('path'), format = 'newline_delimited',
        compression = getvariable('compression'), columns = TYPES)
""".replace("TYPES", TYPES)

COPY = f"""
    COPY (
        SELECT
            substr(hash, 1, 8) || '-' || substr(hash, 9, 4) || '-8' || substr(hash, 14, 3) || '-'
                || '89ab'[ascii(hash[17]) % 4 + 1] || substr(hash, 18, 3) || '-'
                || substr(hash, 21, 12) AS click_id,
            row.*, getvariable('path') AS source_object
        FROM (SELECT rows AS row, sha256(to_json(rows)) AS hash FROM ({ROWS}) rows)
    ) TO '/dev/stdout' (FORMAT json)
"""


def main(path: str) -> None:
    """Writes the rows of the file at `path` to standard output."""
    with open(path, "rb") as file:
        gzip = file.read(2) == b"\x1f\x8b"
    database = duckdb.connect(":memory:", config={"threads": 1})
    database.execute(UTC)
    database.execute("SET VARIABLE path = $1", [path])
    database.execute("SET VARIABLE compression = $1", ["gzip" if gzip else "none"])
    database.execute(COPY)


if __name__ == "__main__":
    main(sys.argv[1])
