/** HTML as the text that a reader sees. What only looks like markup, such as `a < b` or `<3`, is text to the parser too. */
import { Parser } from "htmlparser2"

/** Elements whose content nobody reads. */
const unread = new Set(["script", "style", "template"])

/** Elements that stand on lines of their own: a word before one and a word after it are two words. */
const blocks = new Set(
  (
    "address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header " +
    "hr li main nav ol p pre section table td th tr ul"
  ).split(" "),
)

/** Text of all elements, references decoded, with a line break at each border of a block. */
export const textOf = (html: string): string => {
  const parts: Array<string> = []
  let hidden = 0
  const border = (name: string) => {
    if (blocks.has(name)) parts.push("\n")
  }
  const parser = new Parser({
    onopentagname: (name) => {
      if (unread.has(name)) hidden++
      border(name)
    },
    ontext: (text) => {
      if (hidden === 0) parts.push(text)
    },
    onclosetag: (name) => {
      if (unread.has(name)) hidden--
      border(name)
    },
  })
  parser.end(html)
  return parts.join("")
}
