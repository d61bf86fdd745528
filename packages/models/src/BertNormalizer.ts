/**
 * How BERT cleans text before it is cut into words: control characters go, white space becomes spaces, every CJK
 * character stands alone, accents go and letters become lower case where the model asks for it
 * (google-research/bert `tokenization.py`; the order and the character classes are those of huggingface/tokenizers).
 */

export interface Options {
  readonly cleanText: boolean
  readonly handleChineseChars: boolean
  /** `null` follows `lowercase`, as upstream does. */
  readonly stripAccents: boolean | null
  readonly lowercase: boolean
}

/** What an uncased BERT uses. */
export const uncased: Options = { cleanText: true, handleChineseChars: true, stripAccents: null, lowercase: true }

const printableAscii = /^[\x20-\x7e]*$/
const removed = /(?![\t\n\r])[\0\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu
const whiteSpace = /\p{White_Space}/gu
// The ranges are upstream's, which leaves out U+2B820 to U+2B91F.
const chinese =
  /[\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]/gu

export const normalize = (text: string, options: Options): string => {
  if (printableAscii.test(text)) return options.lowercase ? text.toLowerCase() : text
  let result = text
  if (options.cleanText) result = result.replaceAll(removed, "").replaceAll(whiteSpace, " ")
  if (options.handleChineseChars) result = result.replaceAll(chinese, " $& ")
  if (options.stripAccents ?? options.lowercase) result = result.normalize("NFD").replaceAll(/\p{Mn}/gu, "")
  return options.lowercase ? lowercase(result) : result
}

/** Character by character: a whole string would turn the last Σ of a Greek word into ς, which vocabularies do not know. */
const lowercase = (text: string): string =>
  text.includes("Σ") ? Array.from(text, (character) => character.toLowerCase()).join("") : text.toLowerCase()
