"""The states that things pass through, as data (the design's "A document's way").

A machine knows for each verb from which states it may be done and what comes after. Services ask
`after`, pages ask `possible`; nobody compares state names by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.kernel.errors import WrongState


@dataclass(frozen=True)
class Step:
    """One verb: from which states, to which, and its name on a button."""

    sources: tuple[str, ...]
    target: str
    label: str


@dataclass(frozen=True)
class StateMachine:
    """The states and verbs of one kind of thing."""

    name: str
    states: Mapping[str, str]
    verbs: Mapping[str, Step]

    def label(self, state: str) -> str:
        """The Chinese name of a state; an unknown one is its own name."""
        return self.states.get(state, state)

    def verb_label(self, verb: str) -> str:
        """The Chinese name of a verb."""
        return self.verbs[verb].label

    def may(self, verb: str, state: str) -> bool:
        """Whether the verb can be done in this state."""
        return state in self.verbs[verb].sources

    def possible(self, state: str) -> list[str]:
        """The verbs that can be done in this state."""
        return [verb for verb, step in self.verbs.items() if state in step.sources]

    def after(self, verb: str, state: str) -> str:
        """The state after a verb. Raises WrongState, saying what is possible now."""
        step = self.verbs[verb]
        if state in step.sources:
            return step.target
        names = "、".join(dict.fromkeys(self.verbs[each].label for each in self.possible(state)))
        raise WrongState(
            f"{self.name}现为“{self.label(state)}”，不能“{step.label}”。",
            f"现在可以：{names}。" if names else f"“{self.label(state)}”已是最后的状态，不能再改。",
        )


DOCUMENT = StateMachine(
    "文件",
    {
        "registered": "已登记",
        "in_hand": "在办",
        "closed": "办结",
        "to_file": "归档范围内",
        "not_kept": "不归档",
        "returned_to_issuer": "已清退",
        "kept_elsewhere": "另处保存",
    },
    {
        "take_in_hand": Step(("registered",), "in_hand", "交办"),
        "close": Step(("registered", "in_hand"), "closed", "办结"),
        "reopen": Step(("closed",), "in_hand", "重新办理"),
        "file": Step(("closed",), "to_file", "列入归档"),
        "not_keep": Step(("closed",), "not_kept", "不归档"),
        "return_to_issuer": Step(("registered", "in_hand", "closed"), "returned_to_issuer", "清退"),
        "keep_elsewhere": Step(("closed",), "kept_elsewhere", "另处保存"),
        "reconsider": Step(("to_file", "not_kept", "kept_elsewhere"), "closed", "改回办结"),
    },
)

RECORD = StateMachine(
    "档案",
    {
        "collected": "待整理",
        "arranging": "整理中",
        "filed": "已归档",
        "offered": "移交中",
        "received": "已接收",
        "void": "空号",
        "disposed": "已销毁",
    },
    {
        "arrange": Step(("collected", "arranging"), "arranging", "整理"),
        "put_back": Step(("arranging",), "collected", "退回待整理"),
        "file": Step(("arranging",), "filed", "归档定号"),
        "offer": Step(("filed",), "offered", "移交"),
        "return": Step(("offered",), "filed", "退回"),
        "receive": Step(("offered",), "received", "接收"),
        "void": Step(("filed",), "void", "作废空号"),
        "extend": Step(("filed",), "filed", "延长保管期限"),
        "dispose": Step(("filed",), "disposed", "销毁"),
    },
)

#: States in which a record has its final number.
NUMBERED_STATES = frozenset({"filed", "offered", "received", "disposed"})
#: States before the class is closed: the number is a draft, if there is one.
DRAFT_STATES = frozenset({"collected", "arranging"})
#: States in which the node may still change a record's description.
OPEN_STATES = frozenset({"collected", "arranging", "filed"})

NODE_BATCH = StateMachine(
    "移交批次",
    {
        "preparing": "准备中",
        "approved": "已批准",
        "offered": "已提交",
        "withdrawing": "撤回中",
        "returned": "已退回",
        "accepted": "检验通过",
        "corrected": "待确认更正",
        "signed": "已签字",
        "received": "已接收",
        "withdrawn": "已撤回",
    },
    {
        "approve": Step(("preparing",), "approved", "批准"),
        "revise": Step(("approved", "returned", "withdrawn"), "preparing", "重新准备"),
        "offer": Step(("approved",), "offered", "提交移交"),
        "withdraw": Step(("offered", "accepted", "corrected"), "withdrawing", "申请撤回"),
        "withdrawn": Step(("withdrawing", "accepted", "corrected"), "withdrawn", "同意撤回"),
        "keep_offered": Step(("withdrawing",), "offered", "不同意撤回"),
        "returned": Step(("offered", "withdrawing"), "returned", "退回"),
        "accepted": Step(("offered", "withdrawing"), "accepted", "检验通过"),
        "corrected": Step(("offered", "withdrawing"), "corrected", "更正后接收"),
        "sign": Step(("accepted", "corrected"), "signed", "签字确认"),
        "received": Step(("signed",), "received", "正式接收"),
    },
)

HUB_BATCH = StateMachine(
    "移交批次",
    {
        "arriving": "传输中",
        "checking": "检验中",
        "under_review": "待审核",
        "returned": "已退回",
        "accepted": "检验通过",
        "corrected": "待单位确认更正",
        "signed_by_unit": "单位已签字",
        "receiving": "接收中",
        "received": "已接收",
        "withdrawn": "已撤回",
    },
    {
        "complete": Step(("arriving",), "checking", "开始检验"),
        "checked": Step(("checking",), "under_review", "检验完毕"),
        "inspect_again": Step(("under_review",), "checking", "重新检测"),
        "withdraw": Step(
            ("arriving", "checking", "under_review", "accepted", "corrected"), "withdrawn", "撤回"
        ),
        "return": Step(("under_review",), "returned", "退回"),
        "accept": Step(("under_review",), "accepted", "通过"),
        "correct": Step(("under_review",), "corrected", "更正后接收"),
        "confirm": Step(("accepted", "corrected"), "signed_by_unit", "单位签字"),
        "receive": Step(("signed_by_unit",), "receiving", "正式接收"),
        "finish": Step(("receiving",), "received", "完成接收"),
    },
)

#: A correction 更正 as both sides see it; a node does not know `making`, nor the hub `refused`.
CORRECTION = StateMachine(
    "更正申请",
    {
        "asked": "待答复",
        "making": "更正中",
        "made": "已更正",
        "declined": "未予更正",
        "refused": "平台未受理",
    },
    {
        "decide": Step(("asked",), "making", "更正"),
        "make": Step(("asked", "making", "refused"), "made", "完成更正"),
        "decline": Step(("asked", "refused"), "declined", "不予更正"),
        "refuse": Step(("asked",), "refused", "不受理"),
    },
)

#: The appraisal 鉴定 of records whose retention has ended, from its first line to the last byte.
APPRAISAL = StateMachine(
    "鉴定清册",
    {
        "drawing": "拟制中",
        "submitted": "待审批",
        "approved": "待监销",
        "executing": "执行中",
        "done": "已办结",
        "called_off": "已撤销",
    },
    {
        "draw": Step(("drawing",), "drawing", "拟定意见"),
        "submit": Step(("drawing",), "submitted", "送审"),
        "return": Step(("submitted",), "drawing", "退回修改"),
        "approve": Step(("submitted",), "approved", "批准"),
        "witness": Step(("approved",), "approved", "监销签名"),
        "execute": Step(("approved",), "executing", "执行"),
        "finish": Step(("executing",), "done", "办结"),
        "call_off": Step(("drawing", "submitted", "approved"), "called_off", "撤销"),
    },
)

#: The list of what a unit destroys itself.
UNIT_DISPOSAL = StateMachine(
    "销毁清册",
    {"proposed": "待批准", "done": "已销毁", "called_off": "已撤销"},
    {
        "approve": Step(("proposed",), "done", "批准"),
        "call_off": Step(("proposed",), "called_off", "撤销"),
    },
)

#: A resource of the resource catalogue 政务信息资源目录; a published one stays in force while its
#: next version is a draft.
RESOURCE = StateMachine(
    "信息资源",
    {
        "draft": "编制中",
        "under_review": "待批准",
        "published": "已发布",
        "withdrawn": "已撤销",
    },
    {
        "edit": Step(("draft", "published", "withdrawn"), "draft", "修改"),
        "submit": Step(("draft",), "under_review", "送审"),
        "return": Step(("under_review",), "draft", "退回修改"),
        "approve": Step(("under_review",), "published", "批准发布"),
        "drop": Step(("draft", "under_review"), "published", "放弃草稿"),
        "withdraw": Step(("published",), "withdrawn", "撤销"),
    },
)

#: A data service as it is registered with the provincial platform 服务登记.
REGISTRATION = StateMachine(
    "服务登记",
    {
        "proposed": "待批准",
        "draft": "待修改",
        "waiting": "待发送",
        "sent": "省级平台审核中",
        "online": "已上线",
        "offline": "已下线",
        "refused": "省级平台未通过",
        "given_up": "未能送达",
        "called_off": "已撤销",
    },
    {
        "change": Step(("draft", "refused", "online", "offline"), "proposed", "修改后重新提出"),
        "return": Step(("proposed",), "draft", "退回修改"),
        "approve": Step(("proposed",), "waiting", "批准登记"),
        "send_again": Step(("given_up",), "waiting", "重新发送"),
        "call_off": Step(("proposed", "draft", "waiting", "given_up"), "called_off", "撤销"),
        "deliver": Step(("waiting", "sent", "online", "offline"), "sent", "送达"),
        "put_online": Step(("waiting", "sent", "online", "offline"), "online", "上线"),
        "take_offline": Step(("waiting", "sent", "online", "offline"), "offline", "下线"),
        "refuse": Step(("waiting", "sent", "online", "offline"), "refused", "不通过"),
        "give_up": Step(("waiting",), "given_up", "停止发送"),
    },
)

#: The hand-over of a whole fonds from one keeping node to another (protocol §5).
HAND_OVER = StateMachine(
    "全宗交接",
    {
        "asked": "单位已申请",
        "proposed": "待移出方停写",
        "frozen": "移出方清点中",
        "given": "移出方已签字，内容上传中",
        "arrived": "待接管方核对签字",
        "assigned": "已改由接管方保管，内容并入中",
        "done": "交接完毕",
        "called_off": "已取消",
    },
    {
        "propose": Step(("asked",), "proposed", "提出交接"),
        "freeze": Step(("proposed",), "frozen", "停写清点"),
        "give": Step(("frozen",), "given", "移出方签字"),
        "arrive": Step(("given",), "arrived", "内容到齐"),
        "assign": Step(("arrived",), "assigned", "改派保管"),
        "settle": Step(("assigned",), "done", "并入完毕"),
        "call_off": Step(
            ("asked", "proposed", "frozen", "given", "arrived"), "called_off", "取消交接"
        ),
    },
)
