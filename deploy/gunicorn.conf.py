"""How gunicorn runs the hub's pages behind nginx; see `hub/wsgi.py`."""

import multiprocessing
import os

wsgi_app = "hub.wsgi:application"
bind = os.environ.get("DANGLIAN_BIND", "127.0.0.1:8060")
worker_class = "gthread"
workers = int(os.environ.get("DANGLIAN_WORKERS", str(multiprocessing.cpu_count())))
threads = 8
# Requests are short: whatever is long is a job. Parts of an upload are 16 MiB together at most.
timeout = 60
graceful_timeout = 30
keepalive = 5
# Leaks, if there are any, end with the worker; not all workers at once.
max_requests = 20_000
max_requests_jitter = 2_000
accesslog = "-"
# Without queries and referrers: codes of single sign-on and words searched for stand there.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)s ms'
errorlog = "-"
