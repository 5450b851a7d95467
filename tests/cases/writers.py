"""What people of several languages write to a shop, as rows with a label."""

from __future__ import annotations

from tests.cases.conftest import Rows

# A beginning, a middle and an end make one row, so that no two of 60 rows are alike; the labels are the language's own.
SENTENCES: dict[str, tuple[tuple[str, str], list[str], list[str], list[str]]] = {
    "zh-TW": (
        ("稱讚", "客訴"),
        [
            "上週在臺北門市買的烘衣機",
            "媽媽網購的蒸氣熨斗",
            "客服寄來的備用鑰匙",
            "租屋處換裝的熱水爐",
            "姪女收到的繪圖板",
            "診所訂的體溫計",
        ],
        ["運轉聲音很輕", "按鍵總是卡住", "說明書寫得清楚", "螢幕一直閃爍", "比想像中輕巧"],
        ["，會再推薦給鄰居。", "，已經聯絡師傅來檢查。", "，還在等貴公司回覆！", "，發票號碼請補寄。"],
    ),
    "zh-CN": (
        ("表扬", "投诉"),
        [
            "上周在苏州门店买的烘干机",
            "妈妈网购的蒸汽熨斗",
            "客服寄来的备用钥匙",
            "出租屋换装的热水器",
            "侄女收到的绘图板",
            "诊所订的体温计",
        ],
        ["运转声音很轻", "按键总是卡住", "说明书写得清楚", "屏幕一直闪烁", "比想象中轻巧"],
        ["，会再推荐给邻居。", "，已经联系师傅来检查。", "，还在等贵公司回复！", "，发票号码请补寄。"],
    ),
    "de": (
        ("Lob", "Ärger"),
        [
            "Der Wäschetrockner aus Köln",
            "Das Bügeleisen für meine Mutter",
            "Der nachgeschickte Schlüssel",
            "Die neue Kaffeemühle",
            "Das Gerät der Prüfstelle",
            "Mein übliches Paket",
        ],
        [
            " läuft erstaunlich leise",
            " fällt ständig aus",
            " gefällt uns außerordentlich",
            " riecht höchst verdächtig",
            " kam völlig zerstört an",
        ],
        [
            ", schöne Grüße an die Werkstatt.",
            ", das müsste man ändern.",
            ", ich wünsche einen Rückruf.",
            ", die Maße stimmen überhaupt nicht.",
        ],
    ),
    "fr": (
        ("éloge", "reproche"),
        [
            "Le sèche-linge reçu à Besançon",
            "La théière commandée par ma mère",
            "Cette clé renvoyée après Noël",
            "Le château d’eau miniature",
            "Mon téléphone réparé",
            "La fenêtre posée en février",
        ],
        [
            " fonctionne à merveille",
            " s’arrête dès le démarrage",
            " était déjà abîmée",
            " plaît énormément à mes élèves",
            " dégage une odeur suspecte",
        ],
        [
            ", où puis-je être remboursé ?",
            ", merci à l’équipe du rez-de-chaussée.",
            ", ça ne m’étonne guère.",
            ", le reçu s’élève à 45 €.",
        ],
    ),
    "es": (
        ("elogio", "queja"),
        [
            "El secador que compré en Málaga",
            "La plancha de mi señora",
            "La llave enviada mañana y noche",
            "El cañón del jardín",
            "Mi teléfono español",
            "La máquina de la señorita Ibáñez",
        ],
        [
            " funciona con muchísima energía",
            " se rompió al tercer día",
            " llegó sin daño",
            " hace un ruido extraño",
            " salió más pequeña",
        ],
        [
            ", ¿cuándo vendrá el técnico?",
            ", ¡qué alegría!",
            ", según mi cuñado no tiene garantía.",
            ", así no volveré jamás.",
        ],
    ),
    "pl": (
        ("pochwała", "skarga"),
        [
            "Suszarka kupiona w Łodzi",
            "Żelazko mojej mamy",
            "Klucz wysłany później",
            "Młynek do kawy",
            "Zegarek córki",
            "Łóżko z Gdańska",
        ],
        [
            " działa zadziwiająco cicho",
            " ciągle się wyłącza",
            " przyszło całkiem zniszczone",
            " bardzo się podoba",
            " śmierdzi jak spalona guma",
        ],
        [
            ", proszę o szybką odpowiedź.",
            ", gdzie mogę zgłosić usterkę?",
            ", dziękuję za pomoc.",
            ", będę polecać znajomym.",
        ],
    ),
    "en": (
        ("praise", "complaint"),
        [
            "The dryer I bought in Leeds",
            "My mother’s “silent” iron",
            "The spare key you’d promised",
            "Our café grinder",
            "This £45 thermometer",
            "That €30 kettle",
        ],
        [
            " runs without a sound",
            " won’t start any more",
            " isn’t what I’d ordered",
            " looks better than the photo – truly",
            " arrived in pieces…",
        ],
        [
            ", so I’ll tell the neighbours.",
            ", and “support” doesn’t answer.",
            ", it’s worth the £12 of postage.",
            ", you’ve got my thanks.",
        ],
    ),
    "ja": (
        ("称賛", "苦情"),
        [
            "先週大阪の店で買った乾燥機は",
            "母が注文したアイロンは",
            "後から届いた合い鍵は",
            "新しいコーヒーミルは",
            "娘の腕時計は",
            "診療所の体温計は",
        ],
        [
            "とても静かに動きます",
            "すぐに止まってしまいます",
            "箱がつぶれていました",
            "思ったより軽いです",
            "変なにおいがします",
        ],
        [
            "。ありがとうございました。",
            "。早めにお返事をください。",
            "。領収書も送ってください。",
            "。友だちにも勧めます。",
        ],
    ),
    "ko": (
        ("칭찬", "불만"),
        [
            "지난주 부산 매장에서 산 건조기는",
            "어머니가 주문한 다리미는",
            "나중에 도착한 열쇠는",
            "새 커피 그라인더는",
            "딸의 손목시계는",
            "병원에서 쓰는 체온계는",
        ],
        [
            " 아주 조용하게 돌아갑니다",
            " 자꾸 멈춰 버립니다",
            " 상자가 찌그러져 있었습니다",
            " 생각보다 가볍습니다",
            " 이상한 냄새가 납니다",
        ],
        [". 정말 고맙습니다.", ". 빨리 답장해 주세요.", ". 영수증도 보내 주세요.", ". 친구에게 추천하겠습니다."],
    ),
    # A shop of two languages: mostly English, with a few Chinese words.
    "mixed": (
        ("praise", "客訴"),
        [
            "The 烘衣機 from Taipei",
            "My iPad 保護貼",
            "Order no. 8812 熱水瓶",
            "The USB-C 轉接頭",
            "Our office 投影機",
            "A gift 禮盒 for Ann",
        ],
        [" works fine", " stopped after two days", " 外觀有刮痕", " is OK but 太小", " feels sturdy"],
        [", thanks a lot.", ", 請退款。", ", please call me back.", ", 謝謝！"],
    ),
}


def write_rows(language: str, count: int = 60) -> Rows:
    """`count` distinct rows of `text` and `label`, at most 120."""
    labels, beginnings, middles, ends = SENTENCES[language]
    every = [begin + middle + end for end in ends for middle in middles for begin in beginnings]
    return [{"text": text, "label": labels[number % 2]} for number, text in enumerate(every[:count])]
