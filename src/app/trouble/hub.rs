//! What goes wrong with downloads ([`crate::files::hub`]).

/// As the others of [`super`].
pub(super) const SENTENCES: [(&str, &str); 16] = [
    (
        "This is not the name of a model on the hub; write it as owner/name: '{}'",
        "这不是 Hub 上的模型名；请写成“所有者/名称”：“{0}”",
    ),
    (
        "The hub has no such model or file; check the name and the revision: {}",
        "Hub 上没有这个模型或文件；请检查名称和版本：{0}",
    ),
    (
        "The hub asks for a token: the model is private, or there is none of that name. Make a token \
         at huggingface.co/settings/tokens and set it in the window's settings or as HF_TOKEN: {}",
        "Hub 要求令牌：模型是私有的，或没有这个名称的模型。请在 huggingface.co/settings/tokens 创建令牌，并在窗口的设置中填入或设为 HF_TOKEN：{0}",
    ),
    (
        "The model is given only to those who accepted its terms: do so on its page with the account \
         that your token belongs to: {}",
        "只有接受其条款者才能获取此模型：请用令牌所属的账号在模型页面上接受：{0}",
    ),
    (
        "The hub is busy and asks to wait; try again later: {}",
        "Hub 繁忙，要求等待；请稍后再试：{0}",
    ),
    (
        "The hub does not answer as it should (status {}); try again later: {}",
        "Hub 的应答不正常（状态 {0}）；请稍后再试：{1}",
    ),
    (
        "The connection to the hub does not hold ({}); what has arrived is kept: {}",
        "与 Hub 的连接中断（{0}）；已收到的部分会保留：{1}",
    ),
    ("The hub's answer cannot be read ({}): {}", "无法读取 Hub 的应答（{0}）：{1}"),
    (
        "There is no model in it that can be used: neither a model_index.json with its folders nor a \
         .safetensors or .ckpt file: {}",
        "其中没有可用的模型：既没有 model_index.json 及其文件夹，也没有 .safetensors 或 .ckpt 文件：{0}",
    ),
    ("There are several model files; name one of them: {}", "其中有多个模型文件；请指定一个：{0}"),
    (
        "A file arrived damaged twice (its checksum differs); try again later: {}",
        "文件两次下载都已损坏（校验和不符）；请稍后再试：{0}",
    ),
    (
        "A file on the hub is no longer the one of the list; begin again: {}",
        "Hub 上的文件已不是列表中的那个；请重新开始：{0}",
    ),
    (
        "{} MB are needed and {} MB are free; make room and try again: {}",
        "需要 {0} MB，剩余 {1} MB；请腾出空间后重试：{2}",
    ),
    (
        "The disk is full; what has arrived is kept, make room and go on: {}",
        "磁盘已满；已收到的部分会保留，请腾出空间后继续：{0}",
    ),
    ("The folder of downloads cannot be written ({}): {}", "无法写入下载文件夹（{0}）：{1}"),
    (
        "The download stopped because of a fault in the program; start it again",
        "程序出错，下载已停止；请重新开始",
    ),
];
