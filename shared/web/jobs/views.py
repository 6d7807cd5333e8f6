"""How far a job is: a page, the fragment that it polls, and the button to stop."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shared import audit
from shared.identity import current_actor, signed_in
from shared.kernel.actor import Role
from shared.kernel.jobs import Job, job_of, no_job
from shared.kernel.jobs import stop as stop_job
from shared.web.current import current_database
from shared.web.links import local_path
from shared.web.polling import polled

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")


@blueprint.get("/<job_id>")
@signed_in
def show(job_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        job = _visible(job_id, session)
        return render_template("jobs/show.html", job=job, next=_next())


@blueprint.get("/<job_id>/progress")
@polled
@signed_in
def progress(job_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        job = _visible(job_id, session)
        response = make_response(
            render_template("jobs/progress.html", job=job, next=_next(), reload=_reloads())
        )
    if not job.is_open and _reloads():
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/<job_id>/stop")
@signed_in
def stop(job_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        job = _visible(job_id, session)
        if job.is_open:
            stop_job(job)
            audit.record(session, current_actor(), "job.stopped", f"job:{job.id}", kind=job.kind)
    if "HX-Request" in request.headers:
        return render_template("jobs/progress.html", job=job, next=_next(), reload=_reloads())
    return redirect(url_for(".show", job_id=job_id, next=_next() or None))


def _visible(job_id: str, session: Session) -> Job:
    job = job_of(job_id, session=session)
    actor = current_actor()
    if job.owner and job.owner != actor.id and not actor.may(Role.SYSTEM_ADMINISTRATOR):
        raise no_job()
    return job


def _next() -> str:
    return local_path(request.args.get("next"), "")


def _reloads() -> bool:
    return request.args.get("reload") == "1"
