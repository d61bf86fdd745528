/** Tokenizer files of the kinds that upstream has, trained on a few sentences. */

const special = (content: string, id: number, more: object = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...more,
})

/** The characters that stand for bytes: printable ones for themselves, the others from U+0100 on (GPT-2). */
const bytes = (() => {
  const isPrintable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
})()

/** Byte pairs that stand together most often in the texts, merged one after the other. */
const trainMerges = (texts: ReadonlyArray<string>, count: number): ReadonlyArray<readonly [string, string]> => {
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const word of text.split(/(?= )/)) {
      const spelled = Array.from(new TextEncoder().encode(word), (byte) => bytes[byte]!).join("\0")
      counts.set(spelled, (counts.get(spelled) ?? 0) + 1)
    }
  }
  let words = [...counts].map(([word, times]) => ({ parts: word.split("\0"), times }))
  const merges: Array<readonly [string, string]> = []
  for (let made = 0; made < count; made++) {
    const pairs = new Map<string, number>()
    for (const { parts, times } of words) {
      for (let at = 0; at + 1 < parts.length; at++) {
        const pair = `${parts[at]}\0${parts[at + 1]}`
        pairs.set(pair, (pairs.get(pair) ?? 0) + times)
      }
    }
    const [best] = [...pairs].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    if (best === undefined) break
    const [left, right] = best[0].split("\0") as [string, string]
    merges.push([left, right])
    words = words.map(({ parts, times }) => {
      const joined: Array<string> = []
      for (let at = 0; at < parts.length; at++) {
        const isPair = parts[at] === left && parts[at + 1] === right
        joined.push(isPair ? left + right : parts[at]!)
        if (isPair) at++
      }
      return { parts: joined, times }
    })
  }
  return merges
}

const corpus = [
  "the tokenizer reads the text and the text reads the tokenizer",
  "don't they'll we've I'm he'd it's",
  "numbers 123 456 and 2024, prices of $3.50",
  "naïve café déjà vu, straße, 你好 世界, привет мир",
  "\n\n  indented\ttext\n",
]

interface Choices {
  readonly family: "roberta" | "modernbert"
  readonly prefixed?: boolean
}

/** A file in the form of RoBERTa's or ModernBERT's. */
export const bpe = ({ family, prefixed = false }: Choices): string => {
  const merges = trainMerges(corpus, 150)
  const isRoberta = family === "roberta"
  const specials = isRoberta
    ? ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    : ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
  const tokens = [...new Set([...specials, ...bytes, ...merges.map((pair) => pair.join(""))])]
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]))
  const [cls, , sep] = specials as [string, string, string]
  const one = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
  const text = (id: "A" | "B", type: number) => ({ Sequence: { id, type_id: type } })
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      ...specials.map((token, id) => special(token, id, { lstrip: token === specials[4] })),
      ...(isRoberta ? [] : ["  ", "    "].map((token, at) => special(token, tokens.length + at, { special: false }))),
    ],
    normalizer: isRoberta ? null : { type: "NFC" },
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: prefixed, trim_offsets: true, use_regex: true },
    post_processor: isRoberta
      ? { type: "RobertaProcessing", sep: [sep, 2], cls: [cls, 0], trim_offsets: true, add_prefix_space: prefixed }
      : {
          type: "TemplateProcessing",
          single: [one(cls), text("A", 0), one(sep)],
          pair: [one(cls), text("A", 0), one(sep), text("B", 0), one(sep)],
          special_tokens: Object.fromEntries([cls, sep].map((id) => [id, { id, ids: [vocab[id]], tokens: [id] }])),
        },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: isRoberta ? merges.map((pair) => pair.join(" ")) : merges,
    },
  })
}

/** A file in the form of XLM-R's; NFKC stands for its table of normalised characters unless one is given. */
export const unigram = (normalizer: object = { type: "NFKC" }): string => {
  const specials = ["<s>", "<pad>", "</s>", "<unk>"]
  const letters = [...new Set(corpus.join("").normalize("NFKC").replaceAll(/\s/g, ""))]
  const words = [...new Set(corpus.join(" ").match(/\p{L}+/gu))]
  const pieces: ReadonlyArray<readonly [string, number]> = [
    ...specials.map((token) => [token, 0] as const),
    ["▁", -3],
    ...letters.map((letter, at) => [letter, -8 - at / 7] as const),
    ...words.flatMap((word, at) => [
      [`▁${word}`, -6 - at / 11] as const,
      ...(word.length > 3 ? ([[word.slice(-3), -7 - at / 13]] as const) : []),
    ]),
  ]
  const vocab = [...new Map(pieces)]
  const one = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
  const text = (id: "A" | "B") => ({ Sequence: { id, type_id: 0 } })
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      ...specials.map((token, id) => special(token, id)),
      special("<mask>", vocab.length, { lstrip: true }),
    ],
    normalizer,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "WhitespaceSplit" },
        { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
      ],
    },
    post_processor: {
      type: "TemplateProcessing",
      single: [one("<s>"), text("A"), one("</s>")],
      pair: [one("<s>"), text("A"), one("</s>"), one("</s>"), text("B"), one("</s>")],
      special_tokens: {
        "<s>": { id: "<s>", ids: [0], tokens: ["<s>"] },
        "</s>": { id: "</s>", ids: [2], tokens: ["</s>"] },
      },
    },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    model: { type: "Unigram", unk_id: 3, byte_fallback: false, vocab },
  })
}
