"""What the log's codes are called. Capabilities bring the names of their own events."""

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy.orm import Session

#: `kind:id` of what events are about, to what people call it; what it does not know, it leaves out.
SubjectNames = Callable[[Session, Iterable[str]], Mapping[str, str]]

ACTION_NAMES = {
    "account.created": "建立账号",
    "account.disabled": "停用账号",
    "account.enabled": "恢复账号",
    "account.grants_set": "调整授权",
    "account.password_changed": "修改密码",
    "account.password_reset": "重置密码",
    "account.renamed": "修改姓名",
    "audit.verified": "校验日志",
    "job.stopped": "停止任务",
    "sign_in.done": "登录",
    "sign_in.locked": "账号锁定",
    "sign_in.refused": "登录未成功",
}

#: What the platform does by itself, and what comes by the command line.
ACTOR_NAMES = {
    "system:command": "命令行",
    "system:enrolment": "联网登记（自动）",
    "system:grant_policy": "恢复联网（自动）",
    "system:receiving": "接收（自动）",
    "system:recover": "恢复（命令行）",
    "system:sign-in": "登录页",
    "system:sync": "传输（自动）",
}

KIND_NAMES = {
    "account": "账号",
    "address": "地址",
    "agreement": "集中保管协议",
    "audit": "操作日志",
    "batch": "移交批次",
    "box": "盒",
    "category": "类目",
    "division": "区划",
    "document": "文件",
    "fonds": "全宗",
    "hub": "平台",
    "intake": "导入",
    "job": "任务",
    "node": "单位",
    "offer": "移交件",
    "office": "本单位",
    "record": "档案",
}

DETAIL_NAMES = {
    "about": "所指",
    "accession": "进馆登记号",
    "added": "新增",
    "archive": "档案馆",
    "basis": "依据",
    "by": "办理人",
    "bytes": "字节数",
    "choice": "选择",
    "city": "市",
    "class_code": "门类",
    "code": "代码",
    "count": "件数",
    "counts": "件数",
    "device_key": "设备公钥",
    "disclosure": "公开程度",
    "division": "区划",
    "epoch": "授权期",
    "errors": "不合格",
    "fields": "项目",
    "findings": "检测发现",
    "fonds": "全宗",
    "form": "登记表摘要",
    "former": "原档号",
    "from_node": "原保管单位",
    "generation": "代",
    "grants": "授权",
    "instance": "电脑",
    "kind": "种类",
    "login": "登录名",
    "name": "名称",
    "new": "新增",
    "node": "单位",
    "number": "号",
    "organ": "机构（问题）代码",
    "organ_name": "机构（问题）",
    "outcome": "结论",
    "papers": "凭据",
    "place": "位置",
    "problems": "问题",
    "reason": "原因",
    "receipt": "接收凭证",
    "receiving": "接收馆",
    "records": "件数",
    "retention": "保管期限",
    "returned": "退回",
    "reviewing": "审核馆",
    "rows": "行数",
    "seq": "序号",
    "sha256": "文件摘要",
    "since": "起始日期",
    "source": "来源",
    "state": "状态",
    "subclass": "二级门类",
    "to": "移到",
    "to_node": "保管单位",
    "told": "已告知",
    "upto": "校验到",
    "valid_hours": "有效小时数",
    "verdict": "审核结论编号",
    "void": "空号",
    "what": "情况",
    "year": "年度",
}

#: Details that name something else in the log, and of which kind it is.
DETAIL_KINDS = {
    "archive": "archive",
    "city": "division",
    "division": "division",
    "fonds": "fonds",
    "from_node": "node",
    "node": "node",
    "receiving": "archive",
    "reviewing": "archive",
    "to_node": "node",
}

VALUE_NAMES = {
    "accepted": "通过",
    "corrected": "更正后接收",
    "returned": "退回",
    "undecided": "未定",
}
