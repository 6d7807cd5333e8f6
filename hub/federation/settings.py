"""What can be set for a hub."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class HubSettings:
    """What can be set for a hub (`settings.toml`, or `DANGLIAN_…` variables).

    Attributes:
        name: name of the platform, shown on every page.
        hub_id: id of this hub; made at `hub init`, never changed.
        city: 12-digit code of the city.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        threads: how many requests are served at a time.
        link: `embedded:///path/to/link.sqlite`, or `amqps://mq.example:5671/virtual-host`.
        node_link: where nodes reach the broker; empty takes the same as `link`.
        broker_management: `https://mq.example:15671`: the broker's management API.
        broker_user: the hub's account on the broker, with the tag `administrator`.
        broker_password: its password.
        broker_ca: path of the certificate (PEM) that the broker's must lead to; empty takes the
            system's. Nodes get it with their account.
        shards: into how many queues of the broker the nodes are divided; these run in parallel.
        public_url: address under which nodes reach this hub; empty takes host and port.
        grant_policy: what happens when a copied or restored node asks for a new grant: `ask`
            leaves it to an administrator, `auto` grants it at once.
        code_hours: for how long a one-time enrolment code is valid.
        node_quota_mb: how much one node may have in upload at a time.
        store: `s3://host:port/bucket` (`s3+http://…` without encryption) for an S3 service, or a
            folder, as its whole path, for what the archives keep; empty keeps objects and uploads
            in the data folder.
        store_access_key: account at the S3 service.
        store_secret_key: its secret; better given as `DANGLIAN_STORE_SECRET_KEY`.
        second_store: where a second copy of all that is received is kept: a folder that exists, as
            its whole path, or an address like `store`; empty for none.
        second_store_access_key: account at the second store's S3 service.
        second_store_secret_key: its secret; better given as `DANGLIAN_SECOND_STORE_SECRET_KEY`.
        fixity_days: after how many days what is kept is read again and checked; 0 for never.
        fixity_mb_per_second: how much of each store is read in a second at most, for that and for
            exports on the page; 0 for as much as it gives.
        inspection_days: within how many days what is kept is inspected again 保存环节; 0 for never.
        inspection_percent: how much of it in that time, in a hundred; those that were not inspected
            for the longest come first, so that everything has its turn.
        inspection_mb_per_second: how much is read in a second at most for that; 0 for no bound.
        stamp_url: `https://…`: the authority (RFC 3161) that stamps receipts; empty for none.
        stamp_authorities: path of the roots (PEM) that its certificate must lead to.
        stamp_policy: OID of the policy under which it must stamp; empty takes any.
        stamp_timeout: how many seconds to wait for it.
        status_url: `https://…`: the responder (OCSP, RFC 6960) that is asked at receipt whether the
            certificates of seals are revoked; empty for none. Needs `seal_authorities`.
            Several, with spaces between, are asked in turn: each authority has its own.
        status_timeout: how many seconds to wait for it.
        seal_authorities: path of the folder with who counts for seals, see
            `shared.seals.authorities`; empty for nobody.
        clamd: where the virus scanner clamd listens, `unix:/run/clamav/clamd.ctl` or
            `tcp://127.0.0.1:3310`; empty for none.
        media_decoder: whole path of the program ffmpeg, which decodes sound and film to the end
            when they are inspected; empty for none.
        zone: in which network this hub stands: `lan` 局域网, `government` 政务网, or empty where
            there is one network only. In `lan` nothing is shared or published from here.
        recount_hours: how often each fonds' counts are made anew from its records; 0 for never.
        sso_issuer: `https://…`: the identity service (OpenID Connect issuer) through which people
            sign in; empty for none.
        sso_client_id: this hub's client id there.
        sso_client_secret_file: path of the file with the client's secret; empty for none.
        sso_label: what the link on the sign-in page says.
        sso_scopes: what is asked for, `openid` among it.
        sso_claims: path of a TOML file that says which claim says what, see `hub.signon.claims`.
        sso_ca: path of the certificate (PEM) that the service's must lead to; empty takes the
            system's.
        sso_api_audience: what access tokens of that service must name as `aud` to be taken from
            consumers; empty takes none.
        token_minutes: for how long an access token of a consumer 共享应用 is good.
        client_certificate_header: the header in which the reverse proxy passes the certificate of a
            consumer, such as `X-Client-Cert`; empty for none.
        client_certificate_proxies: addresses of the proxies that this header is believed of, with
            commas between.
        request_log_months: for how many months the requests of consumers are kept.
        province_platform: name of the plug-in that speaks to the provincial sharing platform, see
            `hub.sharing.registration.platform`; empty for none.
        province_url: `https://…`: the provincial platform.
        province_options: path of a TOML file with the plug-in's own options; empty for none.
        province_ca: path of the certificate (PEM) that the platform's must lead to; empty takes the
            system's.
        province_timeout: how many seconds to wait for it.
        push_networks: networks, beside the public addresses, to which entries are pushed, such as
            `10.8.0.0/16`, with commas between; empty for none.
        push_ca: path of the certificate (PEM) that a receiver's must lead to; empty takes the
            system's.
        push_timeout: how many seconds to wait for a receiver.
        lookups_per_hour: how many records an account may look up in an hour 查证; a tenth of these
            may find nothing.
        password_length: the least number of characters of a password.
        password_kinds: of how many kinds of characters it has to be: lower and upper case letters,
            digits, others.
        password_days: after how many days it has to be changed; 0 for never.
        first_password_days: for how many days a password is good that an administrator gave.
        lock_after: after how many failures in a row an account is locked.
        lock_minutes: for how long at first; each further lock lasts twice as long.
        session_hours: a sign-in ends after so many hours, whatever happens.
        idle_minutes: a browser's sign-in ends when nothing happened for so long.
        factor_for_administrators: whether administrators need a second factor.
        export_alone: how many records one archivist exports alone in a day; more need a second
            person.
        emergency_hours: for how long an emergency account is open, once two have opened it.
        oai_email: whom harvesters (OAI-PMH) write to; empty takes `postmaster` at the host of
            `public_url`.
        requests_per_minute: how many requests one account may make in a minute; 0 for any number.
        changes_per_minute: how many forms one account may send from pages; 0 for any number.
        address_requests_per_minute: how many may come from one address; 0 for any number.
        proxies: how many trusted reverse proxies stand before this process: from the outermost of
            their addresses an act is said to come. 0 for none.
        hosts: names and addresses under which browsers reach the pages, with commas between, beside
            those that are known; a request for another is refused.
        audit_unsealed_minutes: for how long events of the log may await their seal before no use
            case writes any more.
        audit_months: for how many months events of the log stay on line, 6 at least; older ones
            are kept as signed files.
        audit_forward: the log service of the house that gets every event: `tls://log.example:6514`
            (or `tcp://` on this machine); empty for none.
        audit_forward_ca: the certificates (PEM) by which it is known; empty takes the system's.
        audit_downloads: from how many downloads of one account in a day the log's page names it.
        audit_refusals: from how many refused tries of one account in a day.
        audit_night: from which hour to which a sign-in is named, like `22-6`; empty for never.
        database: `postgresql+psycopg://…`; empty takes the file `hub.sqlite` in the folder.
    """

    name: str
    hub_id: str
    city: str = "420500000000"
    host: str = "127.0.0.1"
    port: int = 8060
    threads: int = 8
    link: str = ""
    node_link: str = ""
    broker_management: str = ""
    broker_user: str = ""
    broker_password: str = field(default="", repr=False)
    broker_ca: str = ""
    shards: int = 4
    public_url: str = ""
    grant_policy: str = "ask"
    code_hours: int = 72
    node_quota_mb: int = 20480
    store: str = ""
    store_access_key: str = ""
    store_secret_key: str = field(default="", repr=False)
    second_store: str = ""
    second_store_access_key: str = ""
    second_store_secret_key: str = field(default="", repr=False)
    fixity_days: int = 90
    fixity_mb_per_second: int = 20
    inspection_days: int = 365
    inspection_percent: int = 100
    inspection_mb_per_second: int = 2
    stamp_url: str = ""
    stamp_authorities: str = ""
    stamp_policy: str = ""
    stamp_timeout: int = 10
    status_url: str = ""
    status_timeout: int = 10
    seal_authorities: str = ""
    clamd: str = ""
    media_decoder: str = ""
    zone: str = ""
    recount_hours: int = 24
    sso_issuer: str = ""
    sso_client_id: str = ""
    sso_client_secret_file: str = ""
    sso_label: str = "统一身份认证登录"
    sso_scopes: str = "openid profile"
    sso_claims: str = ""
    sso_ca: str = ""
    sso_api_audience: str = ""
    token_minutes: int = 10
    client_certificate_header: str = ""
    client_certificate_proxies: str = "127.0.0.1"
    request_log_months: int = 6
    province_platform: str = ""
    province_url: str = ""
    province_options: str = ""
    province_ca: str = ""
    province_timeout: int = 10
    push_networks: str = ""
    push_ca: str = ""
    push_timeout: int = 10
    lookups_per_hour: int = 300
    password_length: int = 12
    password_kinds: int = 1
    password_days: int = 0
    first_password_days: int = 7
    lock_after: int = 5
    lock_minutes: int = 10
    session_hours: int = 12
    idle_minutes: int = 30
    factor_for_administrators: bool = False
    export_alone: int = 20
    emergency_hours: int = 8
    oai_email: str = ""
    requests_per_minute: int = 1200
    changes_per_minute: int = 600
    address_requests_per_minute: int = 6000
    proxies: int = 0
    hosts: str = ""
    audit_unsealed_minutes: int = 5
    audit_months: int = 6
    audit_forward: str = ""
    audit_forward_ca: str = ""
    audit_downloads: int = 100
    audit_refusals: int = 10
    audit_night: str = "22-6"
    database: str = field(default="", repr=False)
