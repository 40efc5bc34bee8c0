"""What the command line says where something of AWS is not set up: the thing, and the way out."""

import pytest
from events import BUCKET

NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_EC2_METADATA_DISABLED": "true"}
SSO = """[profile sso]
sso_session=x
sso_account_id=1
sso_role_name=r
[sso-session x]
sso_region=eu-west-1
sso_start_url=https://example.com
"""


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (NO_KEYS, "no AWS credentials were found; set AWS_PROFILE"),
        ({**NO_KEYS, "AWS_PROFILE": "nobody"}, "set AWS_PROFILE to a profile that has them"),
        ({**NO_KEYS, "AWS_PROFILE": "sso"}, "aws configure export-credentials"),
        ({"AWS_REGION": None}, "set AWS_REGION"),
        ({"AWS_ENDPOINT_URL": "https://no-such-host.invalid"}, "check the region, the service's address"),
    ],
    ids=["no credentials", "unknown profile", "single sign-on", "no region", "no such host"],
)
def test_what_is_missing_for_aws_is_named_with_the_way_out(lab, tmp_path, variables, says):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(SSO)
    run = lab.command("forward", f"s3://{BUCKET}/key", HOME=tmp_path, **variables)

    assert run.returncode == 2 and says in run.stderr.decode(), run.stderr.decode()
