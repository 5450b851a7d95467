"""Which script Chinese is written in: words of the mainland are found, what Taiwan writes is not accused."""

from __future__ import annotations

import pytest

from nlp_skills.resources.foundation.chinese import simplified_characters
from tests.cases.conftest import Office, Told, dump_lines
from tests.cases.taiwanese import names, sentences

pytestmark = pytest.mark.anyio

# Each holds a character that no Traditional text writes.
SIMPLIFIED_WORDS = (  # noqa: SIM905 (a list literal would be twice as long)
    "价格 优惠 确定 机器 网址 天气 这个 我们 你们 他们 时间 问题 没关系 谢谢 对不起 请问 电话 手机 电脑 电视 洗衣机 空调 汽车 火车 飞机 地铁 车站 机场 "
    "银行 医院 药店 学校 图书馆 办公室 厂家 工厂 饭店 宾馆 邮局 邮件 邮箱 邮编 地址详细 联系 联系人 电话号码 微信红包 视频 音频 图片编辑 "
    "网络 网站 网页 浏览器 服务器 数据 数据库 程序员们 软件 内存条 硬盘 键盘 显示器 打印机 鼠标点击 账户 密码错误 验证码 下载 上传资料 "
    "订单 购买 购物车 发货 快递 退货运费 换货 质量 质检 样品说明 规格 颜色 尺码对照 库存紧张 现货供应 预订 评价 好评 差评 投诉 顾客 经理 总经理 董事长 "
    "员工 劳动合同 工资 奖金 税务 发票 报销 财务 会计师 审计 预算 贷款 利润 资产 负债 债务 股东会议 证券 汇率 涨价 降价 免费赠送 打折优惠 "
    "学习 学生 老师讲课 教师 讲座 课程 课题 练习 考试 试题 答题 毕业 专业 作业 词汇 语言 汉语 汉字 英语 翻译 阅读 写作 读书 笔记 纸张 书籍 "
    "医生 护士 病历 药品 检查 检测 治疗 手术费 疗效 过敏反应 头痛 发烧 咳嗽药 血压 体检 营养 减肥 锻炼 健身教练 运动员 足球赛 篮球队员 "
    "国家 政党 党员 总统 选举 律师 法院审判 诉讼 纠纷 协议 条约 规定 权利 义务 责任人 罚款 执法 监狱 军队 战争 边境 海关检验 签证 护照 "
    "经济 贸易 进口关税 出口贸易 农业 农民 粮食 蔬菜种类 鸡蛋 鱼虾 猪肉丝 面条 饮料 咖啡厅 茶叶 盐 酱油 调料 锅 餐厅 点菜 "
    "风景 云计算 阳光 阴天 下雨转晴 温度 气温 台风警报 灾难 环境 环保 节约 电池 发电 煤矿 钢铁 铁路 桥梁 楼层 "
    "房间 客厅 厨房用具 厕所 门窗 阳台 灯泡 开关 电梯 钥匙 锁 邻居 亲戚 妈妈 爷爷 孙子 婴儿 结婚 生日礼物 节日 春节 圣诞节 "
    "爱情 恋爱 伤心 难过 高兴 欢迎 欢乐 紧张 压力 烦恼 愤怒 惊讶 骄傲 谦虚 诚实 聪明 勤劳 懒 坚强 温柔体贴 "
    "历史 艺术 音乐 乐队 钢琴 戏剧 电影 导演 演员 剧本 画家 摄影 游戏规则 动漫 杂志 报纸 新闻 记者 广告 节目 频道 直播间 "
    "飞行 轮船 车辆 驾驶 停车场 红绿灯 转弯 宽敞 狭窄 长度 宽度 重量级别 轻便 厚实 简单 复杂 严格 贫穷 独立 统一 团结 进步 发展 创业 创新 "
    "项目 计划 设计 测试 调试 开发 运行 维护 优化 升级 备份 云储存 识别 语音 训练 模型参数 样本 标签 统计 图表 报告 汇总 总结 归纳 "
    "广东 广州 辽宁 黑龙江 内蒙古 陕西 贵阳 济南 长沙 苏州 厦门 连云港 乌鲁木齐 沈阳 "
).split()


def test_words_of_the_mainland_are_found() -> None:
    words = sorted(set(SIMPLIFIED_WORDS))
    missed = [word for word in words if not simplified_characters(word)]
    assert len(words) >= 200
    assert len(missed) <= 0.05 * len(words), missed


@pytest.mark.parametrize("word", ["价格", "优惠", "确定", "机器", "网址", "天气", "工厂", "政党", "千万", "万一"])
def test_a_word_whose_characters_big5_knows_is_found(word: str) -> None:
    assert simplified_characters(word)


def test_nothing_is_accused_in_taiwanese_text() -> None:
    written = list(sentences())
    accused = {sentence: found for sentence in written if (found := simplified_characters(sentence))}
    assert sum(map(len, written)) >= 60_000 and len(set("".join(written))) > 1_600
    assert not accused


def test_no_given_name_is_accused() -> None:
    accused = {name: found for name in names() if (found := simplified_characters(f"{name}今天請假。"))}
    assert len(set(names())) >= 200
    assert not accused


@pytest.mark.parametrize(
    "word",
    [
        "拮据",
        "胜肽",
        "膻中",
        "哌嗪",
        "万俟",
        "碁盤",
        "銹蝕",
        "裏海",
        "墻面",
        "恒春",
        "粧髮",
        "嫺雅",
        "昵稱",
        "凄涼",
        "栖息",
        "清炖",
        "皇后",
        "茶几",
        "干戈",
        "公里",
        "信息",
        "程序",
        "文件",
        "支持",
        "公司",
    ],
)
def test_a_word_that_traditional_text_may_write_is_not_accused(word: str) -> None:
    assert not simplified_characters(f"這裡寫著{word}兩個字。")


@pytest.mark.parametrize(
    "text",
    [
        "学校の図書館で医学の本を読んでいます。",
        "国会の会議は来週です。",
        "この駅の発車時刻を確認してください。",
        "万年筆と台所用品を買った。",
        "新しい体温計の説明書が届きません。",
        "当店は全国に発送します。",
        "昼休みに郵便局へ行きました。",
        "コーヒー党の独断で決めた。",
    ],
)
def test_japanese_with_kana_is_not_judged(text: str) -> None:
    assert not simplified_characters(text)


@pytest.mark.parametrize("text", ["这家店的乾燥機很好用", "蘋果手机很贵", "請問价格是多少", "門口停了一輛车"])
def test_one_simplified_word_in_a_traditional_sentence_is_found(text: str) -> None:
    assert simplified_characters(text)


def accused_by(told: Told) -> int:
    assert not told.refused, told.message
    return sum(finding["count"] for finding in told.result["warnings"] if finding["code"] == "simplified_characters")


async def test_the_data_check_accuses_no_taiwanese_row(office: Office) -> None:
    await office.begin(language="zh-TW", labels=["甲", "乙"])
    texts = [*list(sentences())[::4], *(f"{name}今天請假，由代理人簽收。" for name in names())]
    path = office.put(
        "rows.jsonl", dump_lines([{"text": text, "label": "甲乙"[number % 2]} for number, text in enumerate(texts)])
    )
    await office.connect(path)
    assert accused_by(await office.prepare()) == 0


async def test_the_data_check_counts_rows_with_words_of_the_mainland(office: Office) -> None:
    await office.begin(language="zh-TW", labels=["甲", "乙"])
    texts = list(sentences())[::20]
    mainland = [
        f"請問{word}在哪一頁？這是第{number}次問了。"
        for number, word in enumerate(["价格", "优惠", "确定", "机器", "网址", "天气"])
    ]
    path = office.put(
        "rows.jsonl",
        dump_lines([{"text": text, "label": "甲乙"[number % 2]} for number, text in enumerate(texts + mainland)]),
    )
    await office.connect(path)
    assert accused_by(await office.prepare()) == len(mainland)


# One sentence in both scripts, long enough to be told apart from others by what it says.
TWINS = [
    (
        "這臺烘衣機上個月才從門市買回來，運轉的聲音越來越大，師傅檢查後說馬達軸承已經磨損，需要更換整組零件，費用還要自己負擔。",
        "这台烘衣机上个月才从门市买回来，运转的声音越来越大，师傅检查后说马达轴承已经磨损，需要更换整组零件，费用还要自己负担。",
    ),
    (
        "醫師說這種藥對肝臟的負擔很輕，飯後服用就好，但是如果起了紅疹或呼吸困難，就應該馬上停藥並且聯絡診間的護理師。",
        "医师说这种药对肝脏的负担很轻，饭后服用就好，但是如果起了红疹或呼吸困难，就应该马上停药并且联络诊间的护理师。",
    ),
    (
        "銀行寄來的對帳單寫錯了兩筆金額，客服專線等了半個鐘頭才接通，專員說會轉給帳務單位處理，結果過了十天還沒有下文。",
        "银行寄来的对帐单写错了两笔金额，客服专线等了半个钟头才接通，专员说会转给帐务单位处理，结果过了十天还没有下文。",
    ),
    (
        "圖書館下個月開始整修，借閱的書籍可以延長兩個禮拜歸還，視聽室與兒童閱覽區暫停開放，報紙雜誌移到對面的活動中心。",
        "图书馆下个月开始整修，借阅的书籍可以延长两个礼拜归还，视听室与儿童阅览区暂停开放，报纸杂志移到对面的活动中心。",
    ),
    (
        "這家餐廳的鮮魚湯熬得濃郁，可惜門口沒有停車場，我們繞了三圈才找到位置，進去以後又等了將近一個鐘頭才輪到點餐。",
        "这家餐厅的鲜鱼汤熬得浓郁，可惜门口没有停车场，我们绕了三圈才找到位置，进去以后又等了将近一个钟头才轮到点餐。",
    ),
    (
        "颱風過後產業道路塌了一段，村裡的農產品運不出去，青菜堆在倉庫裡都爛掉了，鄉公所卻說經費還沒有撥下來，要再等等。",
        "台风过后产业道路塌了一段，村里的农产品运不出去，青菜堆在仓库里都烂掉了，乡公所却说经费还没有拨下来，要再等等。",
    ),
    (
        "新來的總經理要求每個部門週五以前繳交報告，內容包含專案進度、預算執行與風險評估，缺交的單位將會列入年度考績。",
        "新来的总经理要求每个部门周五以前缴交报告，内容包含专案进度、预算执行与风险评估，缺交的单位将会列入年度考绩。",
    ),
    (
        "孩子們為了戲劇比賽練習了整個學期，服裝和燈光都是家長幫忙張羅，謝幕的時候臺下的觀眾站起來鼓掌，導師感動得哭了。",
        "孩子们为了戏剧比赛练习了整个学期，服装和灯光都是家长帮忙张罗，谢幕的时候台下的观众站起来鼓掌，导师感动得哭了。",
    ),
]


@pytest.mark.parametrize("twin", ["one letter", "the other script"])
async def test_twins_are_near_duplicates(office: Office, twin: str) -> None:
    """Of one row and its twin, none learns what the other tests: they stay on one side, or one goes, or it is said."""
    pairs = [(text, other if twin == "the other script" else text.replace("了", "過", 1)) for text, other in TWINS]
    filler = [text + other for text, other in zip(list(sentences())[::21], list(sentences())[7::21], strict=False)]
    rows = [{"text": text, "label": "甲乙"[number % 2]} for number, pair in enumerate(pairs) for text in pair]
    rows += [{"text": text, "label": "甲乙"[number % 2]} for number, text in enumerate(filler)]
    await office.begin(language="zh-TW", labels=["甲", "乙"])
    await office.connect(office.put("rows.jsonl", dump_lines(rows)), split={"train": 0.4, "valid": 0.2, "test": 0.4})
    told = await office.prepare()
    side = {row["text"]: split for split in ("train", "valid", "test") for row in office.rows(split)}
    apart = [
        pair for pair in pairs if "train" in (sides := {side.get(text) for text in pair} - {None}) and len(sides) > 1
    ]
    said = sum(
        finding["count"]
        for finding in told.result.get("warnings", [])
        if "near" in finding["code"] or "leak" in finding["code"]
    )
    assert (told.refused and "near" in told.everything) or said >= len(apart)
