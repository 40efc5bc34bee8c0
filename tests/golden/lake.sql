-- clickstream lake table s3://lake/clicks --first 2026-11-01
CREATE EXTERNAL TABLE `clicks` (
  `click_id` string,
  `clicked_at` timestamp,
  `language` string,
  `country` string,
  `region` string,
  `city` string,
  `latitude` double,
  `longitude` double,
  `agent_type` string,
  `browser` string,
  `browser_version` string,
  `os` string,
  `os_version` string,
  `device` string,
  `session_started_at` timestamp,
  `first_in_session` boolean,
  `referrer_hostname` string,
  `referrer_protocol` string,
  `referrer_path` string,
  `referrer_type` string,
  `referrer_name` string,
  `link_id` string,
  `slashtag` string,
  `link_created_at` timestamp,
  `creator_id` string,
  `workspace_id` string,
  `workspace_name` string,
  `domain_id` string,
  `domain` string,
  `destination_url` string,
  `destination_protocol` string,
  `destination_hostname` string,
  `destination_path` string,
  `utm_source` string,
  `utm_medium` string,
  `utm_campaign` string,
  `utm_term` string,
  `utm_content` string,
  `tags` string,
  `batch_key` string,
  `source_object` string,
  `source_index` bigint,
  `extra` string,
  `gclid` string,
  `gbraid` string,
  `wbraid` string,
  `fbclid` string,
  `msclkid` string,
  `ttclid` string,
  `rbly_click_id` string,
  `is_qr` boolean
)
PARTITIONED BY (dt string, hour int)
STORED AS PARQUET
LOCATION 's3://lake/clicks/'
TBLPROPERTIES (
  'projection.enabled'          = 'true',
  'projection.dt.type'          = 'date',
  'projection.dt.format'        = 'yyyy-MM-dd',
  'projection.dt.range'         = '2026-11-01,NOW+1DAY',
  'projection.dt.interval'      = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type'        = 'integer',
  'projection.hour.range'       = '0,23',
  'projection.hour.digits'      = '2',
  'storage.location.template'   = 's3://lake/clicks/dt=${dt}/hour=${hour}/'
);

-- clickstream lake table s3://lake/ --file lines --name lines --first 2026-11-01
CREATE EXTERNAL TABLE `lines` (
  `click_id` string,
  `clicked_at` string,
  `language` string,
  `country` string,
  `region` string,
  `city` string,
  `latitude` double,
  `longitude` double,
  `agent_type` string,
  `browser` string,
  `browser_version` string,
  `os` string,
  `os_version` string,
  `device` string,
  `session_started_at` string,
  `first_in_session` boolean,
  `referrer_hostname` string,
  `referrer_protocol` string,
  `referrer_path` string,
  `referrer_type` string,
  `referrer_name` string,
  `link_id` string,
  `slashtag` string,
  `link_created_at` string,
  `creator_id` string,
  `workspace_id` string,
  `workspace_name` string,
  `domain_id` string,
  `domain` string,
  `destination_url` string,
  `destination_protocol` string,
  `destination_hostname` string,
  `destination_path` string,
  `utm_source` string,
  `utm_medium` string,
  `utm_campaign` string,
  `utm_term` string,
  `utm_content` string,
  `tags` string,
  `batch_key` string,
  `source_object` string,
  `source_index` bigint,
  `extra` string,
  `gclid` string,
  `gbraid` string,
  `wbraid` string,
  `fbclid` string,
  `msclkid` string,
  `ttclid` string,
  `rbly_click_id` string,
  `is_qr` boolean
)
PARTITIONED BY (dt string, hour int)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
STORED AS TEXTFILE
LOCATION 's3://lake/'
TBLPROPERTIES (
  'projection.enabled'          = 'true',
  'projection.dt.type'          = 'date',
  'projection.dt.format'        = 'yyyy-MM-dd',
  'projection.dt.range'         = '2026-11-01,NOW+1DAY',
  'projection.dt.interval'      = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type'        = 'integer',
  'projection.hour.range'       = '0,23',
  'projection.hour.digits'      = '2',
  'storage.location.template'   = 's3://lake/dt=${dt}/hour=${hour}/'
);

-- clickstream lake compact s3://lake/clicks/ s3://lake/clicks-daily/ --day 2026-11-21
-- Once.
CREATE EXTERNAL TABLE `clicks_daily` (
  `click_id` string,
  `clicked_at` timestamp,
  `language` string,
  `country` string,
  `region` string,
  `city` string,
  `latitude` double,
  `longitude` double,
  `agent_type` string,
  `browser` string,
  `browser_version` string,
  `os` string,
  `os_version` string,
  `device` string,
  `session_started_at` timestamp,
  `first_in_session` boolean,
  `referrer_hostname` string,
  `referrer_protocol` string,
  `referrer_path` string,
  `referrer_type` string,
  `referrer_name` string,
  `link_id` string,
  `slashtag` string,
  `link_created_at` timestamp,
  `creator_id` string,
  `workspace_id` string,
  `workspace_name` string,
  `domain_id` string,
  `domain` string,
  `destination_url` string,
  `destination_protocol` string,
  `destination_hostname` string,
  `destination_path` string,
  `utm_source` string,
  `utm_medium` string,
  `utm_campaign` string,
  `utm_term` string,
  `utm_content` string,
  `tags` string,
  `batch_key` string,
  `source_object` string,
  `source_index` bigint,
  `extra` string,
  `gclid` string,
  `gbraid` string,
  `wbraid` string,
  `fbclid` string,
  `msclkid` string,
  `ttclid` string,
  `rbly_click_id` string,
  `is_qr` boolean
)
PARTITIONED BY (dt string)
STORED AS PARQUET
LOCATION 's3://lake/clicks-daily/'
TBLPROPERTIES ('parquet.compression' = 'ZSTD');

-- For each day that is over. Run again, it adds the clicks that came since; not two at a time.
INSERT INTO "clicks_daily"
SELECT click_id, clicked_at, language, country, region, city, latitude, longitude, agent_type, browser, browser_version, os, os_version, device, session_started_at, first_in_session, referrer_hostname, referrer_protocol, referrer_path, referrer_type, referrer_name, link_id, slashtag, link_created_at, creator_id, workspace_id, workspace_name, domain_id, domain, destination_url, destination_protocol, destination_hostname, destination_path, utm_source, utm_medium, utm_campaign, utm_term, utm_content, tags, batch_key, source_object, source_index, extra, gclid, gbraid, wbraid, fbclid, msclkid, ttclid, rbly_click_id, is_qr, dt
FROM (
  SELECT *, row_number() OVER (PARTITION BY click_id ORDER BY source_object, source_index) AS copy
  FROM "clicks"
  WHERE dt = '2026-11-21'
)
WHERE copy = 1 AND click_id NOT IN (SELECT click_id FROM "clicks_daily" WHERE dt = '2026-11-21');

-- clickstream lake compact s3://lake/clicks/ s3://lake/clicks-daily/ --day 2026-11-21 --engine duckdb
SET threads = 1;  -- one file
COPY (
  SELECT * EXCLUDE (hour)
  FROM read_parquet('s3://lake/clicks/dt=2026-11-21/*/*.parquet', union_by_name = true, hive_partitioning = true, hive_types = {'dt': VARCHAR, 'hour': VARCHAR})
  QUALIFY row_number() OVER (PARTITION BY click_id ORDER BY source_object, source_index) = 1
  ORDER BY clicked_at
) TO 's3://lake/clicks-daily' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt), FILENAME_PATTERN 'clicks', OVERWRITE_OR_IGNORE);

