"""Every table of the hub, declared by importing the capabilities that own them."""

import hub.catalogue.models
import hub.correcting.models
import hub.custody.models
import hub.disposal.models
import hub.federation.models
import hub.federation.rule_models
import hub.reading_room.models
import hub.receiving.models
import hub.repository.models
import hub.review.models
import hub.sharing.consumers.models
import hub.sharing.lookup.models
import hub.sharing.models
import hub.sharing.pushing.models
import hub.sharing.registration.models
import hub.sharing.resources.models
import hub.signon.models
import shared.audit.models
import shared.identity.models
import shared.kernel.jobs
import shared.messaging.models

__all__ = ["hub", "shared"]
