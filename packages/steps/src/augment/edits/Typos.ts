/** Typing errors: one letter of a word becomes one of its neighbours on a keyboard of the QWERTY layout. */
import * as Capitals from "../Capitals.ts"
import { pick, type Edit } from "../Edit.ts"
import * as Operation from "../Operation.ts"
import * as Sentence from "../Sentence.ts"

/** Each row lies half a key to the right of the one above. */
const rows = ["qwertyuiop", "asdfghjkl", "zxcvbnm"]

/** Letters whose keys touch, by letter. */
export const neighbours: ReadonlyMap<string, ReadonlyArray<string>> = new Map(
  rows.flatMap((row, y) =>
    Array.from(row).map((letter, x) => {
      const near = [
        row[x - 1],
        row[x + 1],
        rows[y - 1]?.[x],
        rows[y - 1]?.[x + 1],
        rows[y + 1]?.[x - 1],
        rows[y + 1]?.[x],
      ]
      return [letter, near.filter((key) => key !== undefined)] as const
    }),
  ),
)

export const typos: Edit<typeof Operation.Typos.Type> = function* (operation, sentence, { stream }) {
  const count = Operation.count(Sentence.words(sentence).length, operation)
  const places = Sentence.editable(sentence).filter((at) => {
    const letters = Array.from(sentence.pieces[at]!.text)
    return letters.length > 2 && letters.some((letter) => neighbours.has(letter.toLowerCase()))
  })
  const chosen = stream.shuffle(places).slice(0, count)
  let now = sentence
  for (const at of chosen) {
    const letters = Array.from(now.pieces[at]!.text)
    const place = pick(
      stream,
      letters.flatMap((letter, index) => (neighbours.has(letter.toLowerCase()) ? [index] : [])),
    )
    const letter = letters[place]!
    const other = Capitals.like(letter, pick(stream, neighbours.get(letter.toLowerCase())!))
    now = Sentence.replaced(now, at, letters.with(place, other).join(""))
  }
  return { sentence: now, words: chosen.length }
}
