"""What a node's audit events are called, and what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.custody.models import HandOver
from node.filing.models import Box, Record
from node.intake.models import Intake
from node.office.service import fonds_here
from node.registry.models import Registered
from node.transfer.models import Batch, BatchRecord
from shared.records import archival_code
from shared.web.audit_log.names import TimeLines

ACTION_NAMES = {
    "batch.adopted": "从平台取回批次",
    "batch.approved": "批准移交",
    "batch.given_up": "放弃批次",
    "batch.inspection_begun": "移交前检测",
    "batch.mirrors_released": "释放本机副本",
    "batch.not_adopted": "未能取回批次",
    "batch.offered": "提交移交",
    "batch.offering": "开始提交移交",
    "batch.opinions_set": "设定开放意见",
    "batch.prepared": "建立移交批次",
    "batch.received": "档案馆已接收",
    "batch.records_taken_out": "从批次中去掉档案",
    "batch.refused": "平台没有接受移交",
    "batch.revised": "批次改回准备",
    "batch.signed": "在登记表上签字",
    "batch.verdict": "收到审核结论",
    "batch.withdrawal_asked": "申请撤回",
    "batch.withdrawal_refused": "撤回未获同意",
    "batch.withdrawn": "批次撤回",
    "box.moved": "移动档案盒",
    "category.reordered": "调整顺序",
    "category.sorted": "按日期排列",
    "changed.ignored": "未采用的更正结果",
    "class.class_closed": "定号",
    "class.drafts_cleared": "清除草稿号",
    "class.numbers_drafted": "编草稿号",
    "clerk.change_withdrawn": "撤销经办人交接",
    "clerk.changed": "经办人交接",
    "correction.asked": "请求更正",
    "correction.declined": "档案馆不予更正",
    "correction.made": "档案馆已更正",
    "disposal.approved": "批准销毁清册",
    "disposal.called_off": "撤销销毁清册",
    "disposal.proposed": "拟制销毁清册",
    "disposed.ignored": "未采用的销毁存根",
    "declined.ignored": "未采用的更正答复",
    "document.closed": "办结",
    "document.edited": "修改登记",
    "document.file_attached": "上传文件",
    "document.file_removed": "移除文件",
    "document.filed": "列入归档",
    "document.kept_elsewhere": "另处保存",
    "document.not_kept": "不归档",
    "document.reconsidered": "改回办结",
    "document.registered": "登记文件",
    "document.reopened": "重新办理",
    "document.returned_to_issuer": "清退",
    "document.taken_in_hand": "交办",
    "hand_over.asked": "申请全宗交接",
    "hand_over.call_off_asked": "申请取消全宗交接",
    "hand_over.followed": "收到全宗交接的进展",
    "hand_over.frozen": "停写全宗",
    "hand_over.refused": "市级平台未采纳交接消息",
    "hand_over.signed": "在交接清单上签字",
    "hand_over.taken_in": "接管内容并入完毕",
    "hand_over.tried_again": "重新清点或核对",
    "hub.generation_met": "平台已恢复，补送凭据",
    "hub.key_followed": "认可平台的新密钥",
    "entry.refused": "没有采用平台的一条消息",
    "ruleset.taken": "收到检测规则",
    "intake.begun": "上传表格",
    "intake.added_to": "加上一个表格",
    "intake.files_added": "上传随表的文件",
    "intake.files_dropped": "清空随表的文件",
    "intake.discarded": "放弃导入",
    "intake.finished": "导入完毕",
    "intake.taken": "确认导入",
    "node.adopted": "恢复完毕",
    "node.adoption_begun": "开始恢复",
    "node.reconcile_asked": "与平台核对",
    "node.recovery_begun": "申请恢复联网",
    "node.superseded": "已由另一台电脑接替",
    "note.written": "填写备考表",
    "parcel.taken_in": "导入邮包",
    "parcel.written": "导出邮包",
    "receipt.ignored": "未采用的接收凭证",
    "record.arranged": "整理",
    "record.collected": "直接归档",
    "record.collected_many": "批量归入",
    "record.discarded": "删除",
    "record.disposed": "销毁",
    "record.erased": "删除已销毁、已释放档案的电子文件",
    "record.divergence_settled": "处理不一致",
    "record.edited": "修改著录",
    "record.extended": "延长保管期限",
    "record.file_attached": "上传电子文件",
    "record.file_removed": "移除电子文件",
    "record.filed_late": "补充归档",
    "record.moved": "移动顺序",
    "record.moved_class": "改归他类",
    "record.objection_settled": "处理退回意见",
    "record.opinions_set": "填写移交意见",
    "record.put_back": "退回待整理",
    "record.put_into": "组卷",
    "record.renumbered": "恢复时换号",
    "record.taken_out": "从案卷取出",
    "record.undone": "撤销整理",
    "record.voided": "作废",
    "submission.taken_in": "收下业务系统归档的文件",
    "verdict.ignored": "未采用的审核结论",
    "withdrawn.ignored": "未采用的撤回答复",
}


def subject_names(session: Session, subjects: Iterable[str]) -> Mapping[str, str]:
    """The names of fonds, batches and sheets, the numbers of documents and records: no titles."""
    ids: dict[str, list[str]] = {}
    for subject in subjects:
        kind, _, rest = subject.partition(":")
        ids.setdefault(kind, []).append(rest)

    def of(kind: str, model: Any) -> Any:
        return session.scalars(select(model).where(model.id.in_(ids.get(kind, ()))))

    return {
        **{f"audit:{party}": "市级平台" for party in ids.get("audit", ())},
        **{f"fonds:{each.id}": each.name for each in fonds_here(session)},
        **{f"batch:{each.id}": each.title for each in of("batch", Batch)},
        **{f"intake:{each.id}": each.file_name for each in of("intake", Intake)},
        **{f"document:{each.id}": each.number for each in of("document", Registered)},
        **{f"hand_over:{each.id}": each.fonds_name for each in of("hand_over", HandOver)},
        **{f"box:{each.id}": f"{each.number} 盒" for each in of("box", Box)},
        **{f"record:{each.id}": each.code or "（未编号）" for each in of("record", Record)},
    }


def _records_called(session: Session, text: str) -> Mapping[str, str]:
    code = archival_code.normalise(text)
    found = session.execute(select(Record.id, Record.code).where(Record.code == code).limit(20))
    return {f"record:{each.id}": each.code or "" for each in found}


def _parts(session: Session, subject: str) -> Sequence[str]:
    """The batches with which a record was handed over."""
    kind, _, record_id = subject.partition(":")
    if kind != "record":
        return ()
    batches = select(BatchRecord.batch_id).where(BatchRecord.record_id == record_id).distinct()
    return [f"batch:{each}" for each in session.scalars(batches)]


#: All that happened to one record, by its number 档号.
TIME_LINES = TimeLines(_records_called, _parts)
