"""The progress table, as its owner sees it."""

import json

from events import offsets

NAME = "rebrandly-progress"


class Table:
    """The table; `variables` configure a forwarder to use it."""

    def __init__(self, emulator, name=NAME):
        self.name, self.dynamodb = name, emulator.client("dynamodb")
        self.variables = {"PROGRESS_TABLE": name}
        self.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "object", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "object", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        ttl = {"Enabled": True, "AttributeName": "expires"}
        self.dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)

    def raw(self):
        """Returns the items with DynamoDB's type descriptors."""
        return self.dynamodb.scan(TableName=self.name, ConsistentRead=True)["Items"]

    @property
    def items(self):
        return [plain(item) for item in self.raw()]

    @property
    def item(self):
        """Returns the only item."""
        [item] = self.items
        return item

    def change(self, **numbers):
        """Edits the only item, as a person would; `lease=1` is a lease that expired long ago."""
        for name, value in numbers.items():
            self.dynamodb.update_item(
                TableName=self.name,
                Key={"object": {"S": self.item["object"]}},
                UpdateExpression="SET #name = :value",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":value": {"N": str(value)}},
            )

    def target(self, name="hook"):
        """Returns one target's progress with the only object."""
        return self.item["progress"]["targets"][name]

    def settled(self, count, target="hook"):
        """Returns the tags of the settled clicks of a file made by `make_lines(range(count))`."""
        written = [item["progress"].get("targets", {}).get(target, {}) for item in self.items]
        cursor = {"settled": 0, "open": [], **(written[0] if written else {})}
        is_open = lambda offset: any(start <= offset < end for start, end in cursor["open"])
        return {f"tag-{serial}" for serial, offset in enumerate(offsets(count)) if offset < cursor["settled"] and not is_open(offset)}


def plain(item):
    values = {name: int(value["N"]) if "N" in value else value.get("S") for name, value in item.items()}
    return {**values, "progress": json.loads(values.get("progress") or "{}")}
