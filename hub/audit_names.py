"""What the hub's audit events are called, and what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.correcting.service import Correction
from hub.disposal.models import Appraisal, AppraisalLine
from hub.federation import service as federation
from hub.receiving.service import Batch, Offer
from hub.sharing.consumers.models import Consumer
from hub.sharing.registration.models import Registration
from hub.sharing.resources.models import Resource
from shared.records import archival_code
from shared.web.audit_log.names import TimeLines

ACTION_NAMES = {
    "sharing.policy_closed": "停止共享",
    "sharing.policy_set": "规定共享范围",
    "sharing.published": "生成发布包",
    "sharing.restored": "恢复共享",
    "sharing.withdrawn": "撤回共享",
    "sign_in.passed_on": "登录下属单位",
    "agreement.made": "登记集中保管协议",
    "appraisal.approved": "批准鉴定清册",
    "appraisal.begun": "拟制鉴定清册",
    "appraisal.called_off": "撤销鉴定清册",
    "appraisal.done": "办结鉴定清册",
    "appraisal.judged": "写明鉴定意见",
    "appraisal.narrowed": "从鉴定清册移去",
    "appraisal.returned": "退回鉴定清册",
    "appraisal.submitted": "鉴定清册送审",
    "appraisal.widened": "列入鉴定清册",
    "appraisal.witnessed": "监销签名",
    "archive.seal_moved": "档案馆印章改由签名服务保管",
    "archive.seal_rolled": "更换档案馆印章",
    "archives.loaded": "载入档案馆",
    "batch.checked": "检验完毕",
    "batch.concluded": "作出审核结论",
    "batch.inspected": "四性检测",
    "batch.inspection_asked": "要求重新检测",
    "batch.inspection_stopped": "停止重新检测",
    "batch.items_decided": "人工检测",
    "batch.offered": "移交到达",
    "batch.receipt_restored": "找回接收凭证",
    "batch.received": "完成接收",
    "batch.signed_by_archive": "档案馆签字接收",
    "record.declassified": "解密",
    "record.erased": "销毁",
    "record.looked_up": "查证档案是否存在",
    "receipt.statuses_kept": "留存证书状态应答",
    "receipt.stamped": "接收凭证加盖时间戳",
    "batch.signed_by_unit": "单位签字",
    "batch.verdict_restored": "找回审核结论",
    "batch.withdrawn": "移交撤回",
    "consumer.applied": "申请共享应用",
    "consumer.approved": "批准共享应用",
    "consumer.keys_set": "登记共享应用的公钥",
    "consumer.push_begun_anew": "向共享应用从头推送",
    "consumer.push_removed": "取消向共享应用推送",
    "consumer.push_resumed": "重新向共享应用推送",
    "consumer.push_secret_ended": "停用推送的旧签名密钥",
    "consumer.push_secret_rotated": "更换推送的密钥或密码",
    "consumer.push_set": "设定向共享应用推送的地址",
    "consumer.push_suspended": "停止向共享应用推送",
    "consumer.queue_set": "给共享应用设消息队列",
    "consumer.queue_told_again": "共享应用请求重送队列",
    "consumer.refused": "不批准共享应用",
    "consumer.resumed": "恢复共享应用",
    "consumer.secret_rotated": "更换共享应用的密钥",
    "consumer.suspended": "停用共享应用",
    "correction.asked": "收到更正申请",
    "correction.declined": "不予更正",
    "correction.made": "完成更正",
    "correction.restored": "找回更正",
    "correction.signed": "更正著录",
    "disposal.carried_out": "按处置清册销毁",
    "disposal.list_kept": "收存单位的销毁清册",
    "disposal.sealed": "处置清册签章，开始销毁",
    "divisions.loaded": "载入区划",
    "entry.refused": "拒收一条消息",
    "entry.refused_by_node": "单位没有采用一条消息",
    "event.given_up": "后续版本没有写成，已移除",
    "event.made": "写成后续版本",
    "event.signed": "登记后续版本",
    "export.begun": "导出馆藏",
    "export.removed": "删除导出的内容",
    "fonds.archives_set": "指定审核馆和接收馆",
    "fonds.closed": "封闭全宗",
    "fonds.disclosure_set": "设定目录公开程度",
    "fonds.number_assigned": "给定全宗号",
    "fonds.reassigned": "指定保管单位",
    "fonds.registered": "登记全宗",
    "fonds.renamed": "全宗更名",
    "fonds.schedule_set": "批准全宗的保管期限表",
    "fonds.transfer_consented": "同意提前或延期移交",
    "fonds.transfer_rule_set": "规定移交年限",
    "hand_over.asked": "单位申请全宗交接",
    "hand_over.assigned": "全宗交接：改派保管",
    "hand_over.called_off": "取消全宗交接",
    "hand_over.bundles_lost": "全宗交接的内容缺失，请移出单位重发",
    "hand_over.moved": "全宗交接进入下一步",
    "hand_over.proposed": "提出全宗交接",
    "hand_over.restored": "找回全宗交接",
    "hand_over.taken": "接管方签字",
    "fonds.tally_corrected": "更正目录统计",
    "hold.lifted": "解除暂缓处置",
    "hold.placed": "暂缓处置",
    "hub.founded": "建立平台",
    "hub.generation": "平台恢复，进入新的一代",
    "hub.restored": "同意从备份恢复",
    "hub.key_rolled": "更换平台密钥",
    "hub.token_key_rolled": "更换访问令牌的签名密钥",
    "hub.rebuilt": "按馆藏重建数据库",
    "hub.restore_suspected": "发现平台数据变旧",
    "hub.second_store_begun": "第二份存储重新开始",
    "letter.dropped": "删除无效消息",
    "letter.replayed": "重新处理无效消息",
    "node.account_given": "发放通道账号",
    "node.account_rotated": "更换通道账号",
    "node.code_made": "生成登记码",
    "node.enrolled": "联网登记",
    "node.grant_asked": "申请恢复联网",
    "node.granted": "确认恢复联网",
    "node.invited": "添加联网单位",
    "node.notes": "修改单位备注",
    "node.restarted": "单位传输重新开始",
    "node.resumed": "恢复联网单位",
    "node.suspended": "停用联网单位",
    "node.wrong_code": "登记码不对",
    "object.aside_asked": "要求把馆藏中多余的文件移开",
    "object.damaged": "馆藏核验发现问题",
    "object.intact_again": "馆藏恢复完好",
    "object.look_asked": "要求再核验一次",
    "object.inspection_asked": "要求再检测一次",
    "certified_copy.issued": "出具复制件证明",
    "certified_copy.withdrawn": "撤回复制件证明",
    "object.inspection_resumed": "继续保存环节的检测",
    "object.inspection_stopped": "停止保存环节的检测",
    "object.mended": "修复馆藏文件",
    "object.not_passing": "保存环节的检测不合格",
    "object.passing_again": "保存环节的检测恢复合格",
    "object.put_aside": "移开馆藏中多余的文件",
    "offer.classified": "拒收涉密文件",
    "parcel.taken_in": "导入邮包",
    "parcel.written": "导出邮包",
    "registration.approved": "批准服务登记",
    "registration.called_off": "撤销服务登记",
    "registration.changed": "修改服务登记",
    "registration.given_up": "服务登记未能送达",
    "registration.proposed": "提出服务登记",
    "registration.returned": "退回服务登记",
    "registration.sent_again": "重新发送服务登记",
    "registration.stands": "服务登记在省级平台的状态",
    "resource.approved": "批准发布信息资源",
    "resource.begun": "新编信息资源",
    "resource.draft_dropped": "放弃信息资源的草稿",
    "resource.edited": "修改信息资源",
    "resource.returned": "退回信息资源",
    "resource.submitted": "信息资源送审",
    "resource.withdrawn": "撤销信息资源",
    "review.decided": "审核",
    "ruleset.activated": "启用检测规则",
    "ruleset.draft_dropped": "放弃检测规则的草稿",
    "ruleset.drafted": "修改检测规则的草稿",
    "schedule.imported": "导入全宗的保管期限表",
}


def subject_names(session: Session, subjects: Iterable[str]) -> Mapping[str, str]:
    """The names of fonds, nodes, batches and others (`kind:id`); of records no titles."""
    ids: dict[str, list[str]] = {}
    for subject in subjects:
        kind, _, rest = subject.partition(":")
        ids.setdefault(kind, []).append(rest)
    fonds = federation.fonds_named(ids.get("fonds", ()), session)
    batches = session.scalars(select(Batch).where(Batch.id.in_(ids.get("batch", ()))))
    corrections = session.scalars(
        select(Correction).where(Correction.id.in_(ids.get("correction", ())))
    )
    appraisals = session.scalars(
        select(Appraisal).where(Appraisal.id.in_(ids.get("appraisal", ())))
    )
    consumers = session.scalars(select(Consumer).where(Consumer.id.in_(ids.get("consumer", ()))))
    registrations = session.scalars(
        select(Registration).where(Registration.id.in_(ids.get("registration", ())))
    )
    records = session.execute(
        select(CatalogueRecord.id, CatalogueRecord.code).where(
            CatalogueRecord.id.in_(ids.get("record", ()))
        )
    )
    resources = session.scalars(select(Resource).where(Resource.id.in_(ids.get("resource", ()))))
    return {
        **{f"appraisal:{each.id}": each.title for each in appraisals},
        **{f"registration:{each.id}": f"{each.code} {each.name}" for each in registrations},
        **{f"resource:{each.id}": each.name for each in resources},
        **{f"record:{each.id}": each.code or "（未编号）" for each in records},
        **{f"correction:{each.id}": each.code or "（未编号）" for each in corrections},
        **{f"consumer:{each.id}": each.name for each in consumers},
        **{f"fonds:{each.id}": each.name for each in fonds.values()},
        **{
            f"{kind}:{each.id}": each.name
            for each in federation.nodes(session)
            for kind in ("node", "audit")
        },
        **{f"archive:{each.code}": each.name for each in federation.archives(session)},
        **{
            f"division:{code}": name
            for code, name in federation.division_names(ids.get("division", ()), session).items()
        },
        **{f"batch:{each.id}": f"{each.fonds_name} {each.title}".strip() for each in batches},
    }


def _records_called(session: Session, text: str) -> Mapping[str, str]:
    found = session.execute(
        select(CatalogueRecord.id, CatalogueRecord.code)
        .where(CatalogueRecord.code_key == archival_code.normalise(text))
        .limit(20)
    )
    return {f"record:{each.id}": each.code for each in found}


def _parts(session: Session, subject: str) -> Sequence[str]:
    """The batches, corrections and appraisals through which something happened to a record."""
    kind, _, record_id = subject.partition(":")
    if kind != "record":
        return ()
    asked = (
        ("batch", select(Offer.batch_id).where(Offer.record_id == record_id)),
        ("correction", select(Correction.id).where(Correction.record_id == record_id)),
        (
            "appraisal",
            select(AppraisalLine.appraisal_id).where(AppraisalLine.record_id == record_id),
        ),
    )
    return [f"{kind}:{each}" for kind, found in asked for each in session.scalars(found.distinct())]


#: All that happened to one record, by its number 档号.
TIME_LINES = TimeLines(_records_called, _parts)
