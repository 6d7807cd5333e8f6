"""The link over RabbitMQ: quorum queues, confirms in flight, a thread that keeps the connection.

`address` says where the broker is, `connection` keeps one connection up, `publisher` and `consumer`
use a channel of it each, `link` puts them behind the port. Why so: `docs/decisions/0011`.
"""
