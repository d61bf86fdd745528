/**
 * Words that carry the grammar of an English sentence and little of its content: replacing them breaks the one and adds
 * nothing to the other. Articles, pronouns, auxiliaries, prepositions, conjunctions, negations and their short forms.
 */
const english = `
a an the this that these those
i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
it its itself they them their theirs themselves who whom whose which what
am is are was were be been being have has had having do does did doing done will would shall should can could may might
must ought
about above across after against along among around as at before behind below beneath beside between beyond but by
despite down during except for from in inside into like near of off on onto out outside over past per since than through
throughout till to toward towards under until up upon via with within without
and or nor so yet if unless because while whereas although though whether either neither both
not no never none nothing nobody nowhere
all any each every few many more most much other others own same several some such only just too very also again further
then once here there when where why how now
i'm you're he's she's it's we're they're i've you've we've they've i'd you'd he'd she'd we'd they'd i'll you'll he'll
she'll we'll they'll isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't won't wouldn't shan't
shouldn't can't cannot couldn't mustn't mightn't let's that's who's what's here's there's when's where's why's how's
`

/** In lower case, with straight apostrophes. */
export const words: ReadonlySet<string> = new Set(english.split(/\s+/u).filter((word) => word !== ""))

export const has = (word: string, stop: ReadonlySet<string> = words): boolean =>
  stop.has(word.toLowerCase().replaceAll("’", "'"))
