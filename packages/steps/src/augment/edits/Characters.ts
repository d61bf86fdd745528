/** Character noise (Belinkov & Bisk 2018, arXiv 1711.02173): one letter of a word is put in, left out, replaced or moved. */
import type * as Seed from "@thaw/core/Seed"
import * as Capitals from "../Capitals.ts"
import { pick, type Edit } from "../Edit.ts"
import * as Operation from "../Operation.ts"
import * as Sentence from "../Sentence.ts"

type Kind = NonNullable<(typeof Operation.Characters.Type)["kinds"]>[number]
const all: ReadonlyArray<Kind> = ["insert", "delete", "replace", "transpose"]

const letters = "abcdefghijklmnopqrstuvwxyz"

export const characters: Edit<typeof Operation.Characters.Type> = function* (operation, sentence, { stream }) {
  const count = Operation.count(Sentence.words(sentence).length, operation)
  // Of a word of one or two letters noise leaves nothing that could be read.
  const places = Sentence.editable(sentence).filter((at) => Array.from(sentence.pieces[at]!.text).length > 2)
  const chosen = stream.shuffle(places).slice(0, count)
  return {
    sentence: chosen.reduce(
      (now, at) =>
        Sentence.replaced(now, at, noisy(now.pieces[at]!.text, pick(stream, operation.kinds ?? all), stream)),
      sentence,
    ),
    words: chosen.length,
  }
}

const noisy = (word: string, kind: Kind, stream: Seed.Stream): string => {
  const parts = Array.from(word)
  switch (kind) {
    case "insert":
      return parts.toSpliced(stream.int(parts.length + 1), 0, pick(stream, Array.from(letters))).join("")
    case "delete":
      return parts.toSpliced(stream.int(parts.length), 1).join("")
    case "replace": {
      const at = stream.int(parts.length)
      const others = Array.from(letters).filter((letter) => letter !== parts[at]!.toLowerCase())
      return parts.with(at, Capitals.like(parts[at]!, pick(stream, others))).join("")
    }
    case "transpose": {
      const differing = parts.flatMap((part, at) => (at > 0 && part !== parts[at - 1] ? [at] : []))
      if (differing.length === 0) return word
      const at = pick(stream, differing)
      return parts
        .with(at - 1, parts[at]!)
        .with(at, parts[at - 1]!)
        .join("")
    }
  }
}
