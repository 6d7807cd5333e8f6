"""Started with the Python of canaille's own environment, told what to be as JSON.

One service in memory, with one client and one person; its key is new at each start.
"""

import datetime
import json
import sys

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc.jose import make_default_rsa_jwk
from werkzeug.serving import make_server


def main() -> None:
    """Serve until killed."""
    told = json.loads(sys.argv[1])
    app = create_app(
        {
            "SECRET_KEY": told["secret_key"],
            "SERVER_NAME": f"127.0.0.1:{told['port']}",
            "PREFERRED_URL_SCHEME": "http",
            "SESSION_COOKIE_SECURE": False,
            "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "HTMX": False},
            "CANAILLE_OIDC": {
                "ACTIVE_JWKS": [make_default_rsa_jwk().as_dict(private=True)],
                "TRUSTED_DOMAINS": ["localhost"],
            },
        }
    )
    with app.app_context():
        user = models.User(
            user_name=told["login"],
            formatted_name=told["name"],
            given_name=told["name"][1:],
            family_name=told["name"][:1],
            emails=[f"{told['login']}@id.example"],
            password=told["password"],
        )
        Backend.instance.save(user)
        client = models.Client(
            client_id=told["client"],
            client_secret=told["secret"],
            client_name="档联",
            client_uri=told["hub"],
            client_id_issued_at=datetime.datetime.now(datetime.UTC),
            redirect_uris=[f"{told['hub']}/sso/back"],
            post_logout_redirect_uris=[f"{told['hub']}/sign-in"],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "profile"],
            token_endpoint_auth_method="client_secret_basic",
            id_token_signed_response_alg="RS256",
        )
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)
    make_server("127.0.0.1", told["port"], app, threaded=True).serve_forever()


main()
