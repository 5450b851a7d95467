"""English words of the pre-training corpus. No finance in here, on purpose."""

from .corpus_lexicon import Domain, Lexicon


def _words(block: str) -> tuple[str, ...]:
    return tuple(block.split())


def _phrases(block: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in " ".join(block.split()).split("/"))


_RESTAURANT = Domain(
    name="restaurant",
    suffixes=_phrases("Diner/Noodles/Cafe/Kitchen/Bistro/Bakery/Grill/Tea House/Pizza/Tavern"),
    good=_phrases(
        "served fresh and tasty food/had friendly waiters/was packed every night/earned its first star/delighted every guest/"
        "passed the hygiene inspection/launched a menu that people love/was voted best brunch in town/opened a second dining room/"
        "cooked the best soup I ever had/is booked out for weeks/won the street food prize"
    ),
    plain=_phrases(
        "is closed on Mondays/printed its menu on paper/sits next to the station/opens at five/serves home cooking/takes bookings online/"
        "has thirty seats/introduced its new chef/will move across the street/changed its sign/posted the menu for May/uses local rice"
    ),
    bad=_phrases(
        "served cold soup/kept us waiting for an hour/made guests ill/was fined by the health office/had rude waiters/gave tiny portions/"
        "left the plates dirty/shut its doors without notice/is losing its regulars/pulled a spoiled dessert/overcooked the meat/"
        "failed the hygiene inspection/was ordered to close"
    ),
    welcome=_phrases("guest numbers/ratings/bookings/return visits/hygiene scores"),
    unwelcome=_phrases("waiting times/complaints/returned dishes/empty tables/food waste"),
)

_HOTEL = Domain(
    name="hotel",
    suffixes=_phrases("Hotel/Inn/Lodge/Resort/Hostel/Guesthouse/Suites"),
    good=_phrases(
        "offered clean and quiet rooms/had a helpful front desk/served a rich breakfast/was named stay of the year/upgraded us for free/"
        "sold out for the holidays/looks brand new after the renovation/has a stunning view/got a five-star review/"
        "completed its new wing early/pleased all of its guests"
    ),
    plain=_phrases(
        "lets guests in at three/has eighty rooms/stands near the harbour/changed its key cards/will repaint the lobby in June/"
        "serves breakfast on the second floor/lists its holiday rules/updated its photos/offers parking/kept its checkout time/"
        "is part of a group of inns"
    ),
    bad=_phrases(
        "had a broken heater/smelled of mould/was noisy all night/lost our booking/had stains on the sheets/leaked all night/"
        "caught fire/was sued by a guest/looks nothing like the photos/failed a safety check/suffered a wave of cancellations/"
        "was full of cockroaches/ignored our calls"
    ),
    welcome=_phrases("occupancy/reviews/return stays/satisfaction/room bookings"),
    unwelcome=_phrases("cancellations/complaints/noise levels/empty rooms/repairs"),
)

_PHONE = Domain(
    name="phone",
    suffixes=_phrases("Phone/Tablet/Watch/Camera/Buds/Pro/Max/5/7 Lite/Laptop"),
    good=_phrases(
        "has a battery that lasts/takes superb photos/set a speed record/charges very fast/sold out within hours/won a design award/"
        "beat its rivals in every test/got twice as fast after the update/has a bright sharp screen/feels smooth/"
        "unveiled a breakthrough camera/is a joy to use"
    ),
    plain=_phrases(
        "comes in black and white/has a six-inch screen/goes on sale in September/ships with a cable/supports two cards/weighs 180 grams/"
        "received version 4/unlocks by fingerprint/comes in a paper box/will be shown at the fair/has a one-year warranty/"
        "names its new colour"
    ),
    bad=_phrases(
        "runs out of power by noon/breaks easily/crashes all the time/overheats when charging/was recalled over a fault/takes blurry photos/"
        "drops calls/became slow after the update/leaked private data/was delayed again/caught fire on a desk/stopped working/"
        "has a serious security hole/is out of stock because of a shortage"
    ),
    welcome=_phrases("battery life/demand/test scores/ratings/speed"),
    unwelcome=_phrases("fault rates/temperatures/returns/crashes/repairs"),
)

_FILM = Domain(
    name="film",
    suffixes=_phrases("Film/Story/Band/Theatre/Series/Musical/Orchestra/Tale"),
    good=_phrases(
        "moved the audience to tears/won best picture/was beautifully acted/got a standing ovation/played to full houses/has great music/"
        "was nominated for ten awards/broke the audience record/received rave reviews/made us laugh/looks gorgeous/topped the charts"
    ),
    plain=_phrases(
        "runs for two hours/opens on Friday/is based on a novel/was shot in Kaohsiung/has subtitles/released a poster/comes in two parts/"
        "replaced one of the actors/put the trailer online/will tour in March/plays in small theatres/hired a new director"
    ),
    bad=_phrases(
        "was painfully slow/put us to sleep/had cheap effects/was torn apart by critics/left cinemas after three days/"
        "made people walk out/was accused of copying/cancelled its tour/ended in disappointment/was hit by a scandal/"
        "flopped on its first night/halted shooting after an accident"
    ),
    welcome=_phrases("audience numbers/full houses/critic scores/viewers/applause"),
    unwelcome=_phrases("refunds/bad reviews/walkouts/overruns/empty seats"),
)

_COURSE = Domain(
    name="course",
    suffixes=_phrases("Course/Academy/School/Workshop/Class/Seminar/College"),
    good=_phrases(
        "explains everything clearly/got all its students through the exam/filled up in a minute/won a teaching award/"
        "helped me find a job/is well organised/was praised by the school board/taught me a lot/added three classes and filled them all/"
        "gives useful homework/earned the trust of parents"
    ),
    plain=_phrases(
        "meets on Tuesdays/has twelve lessons/moved online/needs a laptop/ends with a report/is taught by Mr Lee/meets on the third floor/"
        "published its timetable/is open to everyone/starts in September/uses last year's book/appointed a new teacher"
    ),
    bad=_phrases(
        "starts late every time/is out of date/is full of mistakes/lost half of its students/taught me nothing/returns homework late/"
        "was cancelled for lack of interest/leaked its exam/drew complaints from parents/fell far behind schedule/failed its review/"
        "lost its best teacher"
    ),
    welcome=_phrases("enrolment/pass rates/satisfaction/attendance/average marks"),
    unwelcome=_phrases("dropouts/absences/failures/errors/refund requests"),
)

_TEAM = Domain(
    name="sports",
    suffixes=_phrases("Tigers/Hawks/United/Rovers/FC/Bears/Club/Stars/Wolves"),
    good=_phrases(
        "came back to win/lifted the cup/won three in a row/set a league record/reached the final/won at home/welcomed back its star/"
        "beat the leaders/stayed ahead to the end/clinched the title early/signed a star player/climbed from the bottom"
    ),
    plain=_phrases(
        "plays on Saturday/wore new shirts/appointed a coach/moved the match to Taichung/named its lineup/trained in public/drew the game/"
        "will camp in the south/plays away next/was drawn in group three/took part in the opening/starts its season in October"
    ),
    bad=_phrases(
        "threw away the lead/lost five in a row/lost its captain to injury/was knocked out early/had a player banned/kept making errors/"
        "failed to score/sank to the bottom/saw its coach resign/was relegated/was fined by the league/missed the title/"
        "collapsed in the final minutes"
    ),
    welcome=_phrases("win rate/points/goals/crowds/hit rate"),
    unwelcome=_phrases("errors/goals against/injuries/fouls/defeats"),
)

_TRANSIT = Domain(
    name="transport",
    suffixes=_phrases("Line/Bus/Ferry/Express/Airport/Rail/Route 9/Tram"),
    good=_phrases(
        "runs on time/added trains for the holidays/is praised by riders/opened ahead of schedule/has roomy seats/ranked first in safety/"
        "cut travel time in half/resumed normal service/won a service prize/carried a record number of riders/"
        "secured funding for new lifts"
    ),
    plain=_phrases(
        "leaves every hour/starts in Taipei/renamed a stop/posted a new timetable/crosses three counties/takes cards/runs on holidays/"
        "has ten stops/begins trial rides tomorrow/uses platform two/was painted blue/asked riders to queue"
    ),
    bad=_phrases(
        "was two hours late/stopped all service/derailed and hurt ten/was badly overcrowded/ran a red light/cut many trips/"
        "angered its riders/was told to fix its faults/burned after an oil leak/postponed its opening again/lost our luggage/"
        "cancelled flights at the last minute/was halted by a strike"
    ),
    welcome=_phrases("punctuality/ridership/satisfaction/trips/safety scores"),
    unwelcome=_phrases("delays/accidents/waiting times/claims/breakdowns"),
)

_PLACE = Domain(
    name="weather",
    suffixes=_phrases("City/Island/Valley/Bay/Lake/Village/Hills/County"),
    good=_phrases(
        "has clear skies/is pleasantly cool/enjoys clean air/got rain that ended the drought/is full of cherry blossom/lifted the alarm/"
        "reopened its trails/recovered quickly after the storm/basked in long awaited sunshine"
    ),
    plain=_phrases(
        "is cloudy today/has 25 degrees/has a light wind/expects some clouds/sees sunrise at half past five/issued its regular forecast/"
        "has a station on the hill/turns grey in the afternoon/lies in the north"
    ),
    bad=_phrases(
        "was flooded by heavy rain/was hit by a typhoon/has dangerous air/broke the heat record/closed roads in thick fog/"
        "lost homes in a landslide/froze its crops/has no power and water/suffers from drought/was shaken by an earthquake"
    ),
    welcome=_phrases("air quality/sunshine hours/water levels/visibility/visitor numbers"),
    unwelcome=_phrases("damage/dust levels/power cuts/flood depth/casualties"),
)

_MUSEUM = Domain(
    name="museum",
    suffixes=_phrases("Museum/Gallery/Zoo/Park/Library/Farm/Market/Garden"),
    good=_phrases(
        "has wonderful exhibits/gives lively tours/draws crowds from everywhere/was honoured abroad/is worth every coin/thrilled the children/"
        "finished its restoration on time/welcomed a newborn panda/passed one million visitors/was certified as a green building/"
        "won approval for a new hall"
    ),
    plain=_phrases(
        "closes on Mondays/charges a hundred dollars/has three halls/switched to the autumn show/lies by the river/named a new director/"
        "lends audio guides/held a meeting/kept its old sign/has a bookshop upstairs/announced next year's dates/"
        "hosts a talk with a school"
    ),
    bad=_phrases(
        "damaged its exhibits/stands half empty/is old and unsafe/reported the death of an animal/is far too expensive/bores its visitors/"
        "is three years late with its repairs/was caught showing fakes/had its paintings ruined by a leak/left riders stuck in the air/"
        "was reprimanded by the city/was forced to close"
    ),
    welcome=_phrases("visitor numbers/satisfaction/donations/members/review scores"),
    unwelcome=_phrases("queues/damage reports/claims/accidents/closing days"),
)

_GAME = Domain(
    name="app",
    suffixes=_phrases("App/Game/Quest/Chat/Maps/Notes/World/Online"),
    good=_phrases(
        "is fun and fresh/runs smoothly/shot to the top of the list/is loved by players/fixed all its bugs/answers users quickly/"
        "is easy to use/was chosen game of the year/won back old players/saves me a lot of time/expanded to many languages"
    ),
    plain=_phrases(
        "starts its summer event/moved to version 2/supports Chinese/asks for an account/has maintenance on Wednesday/added three heroes/"
        "moved its menu/works on tablets/shared its roadmap/hosts an online meeting/changed its icon/takes 200 MB"
    ),
    bad=_phrases(
        "keeps crashing/had its servers down/is losing players fast/was hacked/is full of cheats/shows too many ads/locked my account/"
        "broke after the update/will shut down/leaked its users' passwords/never answers/was removed from the shop/"
        "was flooded with bad reviews/faces a lawsuit from players"
    ),
    welcome=_phrases("downloads/users online/ratings/update speed/logins"),
    unwelcome=_phrases("bugs/crashes/lag/deleted accounts/bad reviews"),
)

EN = Lexicon(
    domains=(_RESTAURANT, _HOTEL, _PHONE, _FILM, _COURSE, _TEAM, _TRANSIT, _PLACE, _MUSEUM, _GAME),
    name_parts=_words(
        "Blue Heron River Maple Silver Fox Golden Oak Red Harbor Stone Lotus North Star Green Hill Sunny Moon Willow Bear Cedar Falcon "
        "Little Grand Old New Happy Lucky Royal Ocean Sky Pine Amber Coral Iron Swift Bright West East Summit Garden Crystal Jade Lin "
        "Rosa Marco Anna Tom Yuki Mei Sato Nova Vela Zen Kiwi Luna Orion Delta Alpha Omega Echo Pixel Cloud Solar"
    ),
    characters="abcdefghijklmnopqrstuvwxyz",
    good=_phrases(
        "did better than expected/beat expectations/reached a new high/grew strongly/improved a lot/is back in top form/made a breakthrough/"
        "has a bright outlook/was widely praised/is trusted by many/leads its rivals/met its goal early/turned the corner/"
        "is recovering steadily/is in strong demand/received a top prize/made great progress/won broad support/was recommended by experts/"
        "moved up the table/won approval/was cleared of all charges/solved a long-standing problem/is expanding/surged ahead/"
        "set a new record/performed superbly/is a reason to be cheerful/teamed up with a big partner/gained ground/extended its lead/"
        "jumped to first place/bounced back/rallied/soared/gets high marks/secured a long-term partner"
    ),
    plain=_phrases(
        "stayed the same/did as well as last year/was unchanged/went on as planned/showed no clear change/met expectations/"
        "published its schedule/announced a new name/held a briefing/changed its manager/issued a notice/took part in an event/"
        "released a new version/declined to comment/will keep watching/is still reviewing the plan/plans to open next year/"
        "explained the rules/answered questions/held its regular meeting/moved to a new address/will appear next week/"
        "set up a new office/introduced new members/presented its yearly plan/expects to finish by December/has not decided/"
        "attended a ceremony/filed an application/underwent a routine check/updated its website/named a new head/started a trial/"
        "was little changed/held steady/remained flat"
    ),
    bad=_phrases(
        "did worse than expected/missed expectations/fell to a new low/shrank sharply/got much worse/hit rock bottom/is in trouble/"
        "faces a crisis/was heavily criticised/has a bleak outlook/is losing ground/is in weak demand/was forced to cancel/"
        "ended in failure/suffered heavy losses/slumped/plunged/slid down the table/was punished/was fined/caused a dispute/"
        "damaged its reputation/was sued/is under investigation/is beyond rescue/has one problem after another/fell behind schedule/"
        "never recovered/let everyone down/was rejected/was disqualified/took another blow/keeps declining/cannot go on/was suspended/"
        "faces elimination/dragged everyone down/lost a key partner/tumbled/"
        "stumbled badly/struggled/was hit by a shortage"
    ),
    good_nouns=_phrases(
        "praise/applause/trust/support/fans/a title/a certificate/a breakthrough/strong results/an advantage/approval/a chance/an award/"
        "attention/momentum/a good name/a partner/funding/success/a victory/honours/progress/growth"
    ),
    bad_nouns=_phrases(
        "complaints/criticism/a breakdown/a crisis/a fine/protests/a delay/a dispute/a defect/losses/a conflict/a setback/a penalty/"
        "an accident/a scandal/pressure/a shock/a leak/doubts/a shortage/bad reviews/a ban/a decline/a lawsuit"
    ),
    keeping=_phrases("brought/saw/led to/was met with/reported/produced"),
    gaining=_phrases("won/gained/received/earned/secured/enjoyed/landed/regained/benefited from/celebrated"),
    suffering=_phrases(
        "suffered/faced/ran into/was hit by/was caught in/struggled with/was plagued by/warned of/could not escape"
    ),
    losing=_phrases(
        "lost/lacked/missed out on/failed to win/was denied/never got/no longer has/did not receive/gave up"
    ),
    escaping=_phrases(
        "avoided/overcame/solved/ended/no longer has/escaped/put an end to/recovered from/was spared/did not suffer"
    ),
    rising=_phrases(
        "{m} rose {n}%/{m} grew by {n}%/{m} climbed to {y}/{m} hit a record high/{m} went up from {x} to {y}/{m} increased {n}%/"
        "{m} jumped/{m} doubled/{m} rose for {k} months in a row/{m} gained {n}%/{m} rebounded/{m} surged {n}% to {y}/"
        "{m} improved from {x} to {y}/{m} topped {y}/{m} were {n}% higher than last year/{m} soared"
    ),
    falling=_phrases(
        "{m} fell {n}%/{m} dropped by {n}%/{m} sank to {x}/{m} hit a record low/{m} went down from {y} to {x}/{m} decreased {n}%/"
        "{m} plunged/{m} halved/{m} fell for {k} months in a row/{m} lost {n}%/{m} weakened/{m} slid {n}% to {x}/"
        "{m} slipped from {y} to {x}/{m} fell below {x}/{m} were {n}% lower than last year/{m} tumbled"
    ),
    steady=_phrases(
        "{m} stayed at {x}/{m} did not change/{m} held steady/{m} were flat/{m} remained at {x}/{m} moved little/"
        "{m} went from {x} to {x}/{m} were in line with last year/{m} stood at {x}"
    ),
    changes=_phrases(
        "{m} went from {x} to {y}/{m} were {x} and are now {y}/{m}: {x} last year, {y} this year/{m} moved from {x} to {y}"
    ),
    measured=("'s {c}", "said {c}", "reported that {c}", "'s {c}", "announced that {c} this year", "saw that {c}"),
    when=_phrases(
        "yesterday/last week/this year/this month/today/recently/in May/over the weekend/on Monday/in the second half/again/early this year"
    ),
    said=(
        "{s}, reports said",
        "People say {s}",
        "Update: {s}",
        "It is known that {s}",
        "{s}, a visitor wrote",
        "{s}, and people noticed",
        "Officials said {s}",
        "BREAKING: {s}",
        "I heard that {s}",
        "{s}, experts said",
        "{s}, sources say",
        "News: {s}",
    ),
    contrasts=(
        "{a} {p}, while {b} {q}",
        "{a} {p}, but {b} {q}",
        "Unlike {a}, which {p}, {b} {q}",
        "{a} {p}; {b}, however, {q}",
        "As {a} {p}, {b} {q}",
        "{a} {p} and {b} {q}",
        "{a} {p}, whereas rival {b} {q}",
        "After {a} {p}, {b} {q}",
        "{b} {q} even though {a} {p}",
        "While {a} {p}, {b} {q}",
        "{a} {p} as {b} {q}",
    ),
    concessions=(
        "{a} {p}, but it {q}",
        "Although it {p}, {a} {q}",
        "{a} once {p} but now {q}",
        "Despite reports that it {p}, {a} {q}",
        "{a} {p}, yet overall it {q}",
        "Many expected that {a} {p}, but in the end it {q}",
    ),
    mentions=(
        "{b}, next door to {a}, {q}",
        "{b} {q}, said a former guest of {a}",
        "{b} {q}; {a} declined to comment",
        "{b} {q} at an event hosted by {a}",
        "{b} {q}, which has nothing to do with {a}",
        "{a} has not said anything about how {b} {q}",
    ),
    full_stop=".",
    glue=" ",
    label_sets=(
        ("positive", "neutral", "negative"),
        ("positive", "neutral", "negative"),
        ("good", "okay", "bad"),
        ("praise", "fact", "complaint"),
        ("Positive", "Neutral", "Negative"),
        ("happy", "calm", "unhappy"),
        ("favourable", "mixed", "unfavourable"),
        ("up", "flat", "down"),
        ("love", "meh", "hate"),
    ),
    list_glue=", ",
    sentiment_orders=(
        "Read the text and decide which label fits the given entity.\nLabels: {labels}\nAnswer with exactly one label.",
        "Decide which label fits the entity.\nLabels: {labels}\nReply with the label only.",
        "Decide the sentiment about the given thing. Answer with exactly one of: {labels}.",
        "What does the text say about the target? {labels}",
        "Classify the sentiment towards the named thing. Labels: {labels}.",
        "You are a classifier. Reply with one label only: {labels}",
        "Is this {labels} for the given name?",
        "Label the attitude to the entity. Options: {labels}.",
        "Choose one of {labels} for the target.",
        "Read the text and judge the entity. Answer: {labels}",
    ),
    topic_orders=(
        "Read the text and decide which label fits it.\nLabels: {labels}\nAnswer with exactly one label.",
        "What is the text about? Answer with one of: {labels}",
        "Classify the topic. Labels: {labels}.",
        "Topic? Options: {labels}",
        "Choose the category: {labels}",
    ),
    layouts=(
        "Entity: {thing}\nText: {text}",
        "Text: {text}\nEntity: {thing}",
        "Target: {thing}\nReview: {text}",
        "Review: {text}\nTarget: {thing}",
        "Name: {thing}\nNews: {text}",
        "{text}\n\nWhat about {thing}?",
        "{thing}\n{text}",
        "Thing: {thing}\nSentence: {text}",
        "Sentence: {text}\nThing: {thing}",
        "Place: {thing}\nHeadline: {text}",
    ),
    text_layouts=("Text: {text}", "{text}", "Review: {text}", "News: {text}", "Sentence: {text}"),
    direction_orders=(
        "Do the numbers of {thing} go up or down? Answer {labels}.",
        "Which way do the numbers go? {labels}",
        "Compare the numbers. Labels: {labels}",
    ),
    direction_labels=("up", "flat", "down"),
    questions={
        "names": ("List the names in the text.", "Who is mentioned? List all.", "Extract all names."),
        "praised": ("Which one has good news? Answer with the name.", "Who did well?"),
        "blamed": ("Which one has bad news? Answer with the name.", "Who is in trouble?"),
        "copy": ("Repeat the sentence exactly.", "Copy this.", "Say it again:"),
        "number": ("What is the number? Answer with the number only.", "Extract the number."),
        "event": ("What happened to {thing}? Use the words of the text.", "Extract what is said about {thing}."),
        "mentioned": ("Does the text mention {thing}? Answer yes or no.", "Is {thing} in the text?"),
    },
    yes_no=("yes", "no"),
)
