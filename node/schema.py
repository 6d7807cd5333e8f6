"""Every table of a node, declared by importing the capabilities that own them."""

import node.clerks.models
import node.corrections.models
import node.custody.models
import node.filing.models
import node.intake.models
import node.office.models
import node.registry.models
import node.submission.models
import node.sync.models
import node.transfer.models
import shared.audit.models
import shared.identity.models
import shared.kernel.jobs
import shared.messaging.models

__all__ = ["node", "shared"]
