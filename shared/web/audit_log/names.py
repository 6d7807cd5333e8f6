"""What the events of accounts, sign-in and jobs are called; capabilities bring their own names."""

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
