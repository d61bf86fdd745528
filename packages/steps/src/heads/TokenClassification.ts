/** One tag a word: entities, and the tags of single words. */
import * as Chunk from "../Chunk.ts"
import * as Inference from "../Inference.ts"
import * as Entities from "../metrics/Entities.ts"
import { type Outcome, mean, surprise } from "./Outcome.ts"

export const outcome: Outcome = {
  figures: (task, { labels }, answers) => {
    const outside = outsideOf(labels)
    const losses: Array<number> = []
    const predicted = answers.map(({ example, scores }) => {
      const truth = example.tags[task]!
      const words = Inference.perWord(scores, labels.length, example.encoding, truth.length, outside)
      losses.push(...surprises(words, scores, truth, labels.length))
      return words.map(({ label }) => labels[label]!)
    })
    const result = Entities.score(
      answers.map(({ example }) => example.tags[task]!.map((tag) => labels[tag]!)),
      predicted,
    )
    return {
      task,
      head: "tokenClassification",
      examples: answers.length,
      metrics: {
        entityF1: result.f1,
        entityPrecision: result.precision,
        entityRecall: result.recall,
        tokenAccuracy: result.tokenAccuracy,
        loss: mean(losses),
      },
      majority: {},
      perLabel: result.perLabel.map(({ label, precision, recall, f1, support }) => ({
        label,
        precision,
        recall,
        f1,
        support,
      })),
      confusion: [],
    }
  },
  /** The mean over words, 0 where all of them were cut off. */
  loss: (task, { labels }, { example, scores }) => {
    const truth = example.tags[task]!
    const words = Inference.perWord(scores, labels.length, example.encoding, truth.length, 0)
    return mean(surprises(words, scores, truth, labels.length))
  },
  answer: ({ labels }, { text, words, encoding }, scores) => {
    const answers = Inference.perWord(scores, labels.length, encoding, words.length, outsideOf(labels))
    return {
      _tag: "tokenClassification",
      entities: Chunk.read(answers.map(({ label }) => labels[label]!)).map(({ type, start, end }) => {
        const { from } = words[start]!
        const { to } = words[end - 1]!
        return { type, text: text.slice(from, to), from, to }
      }),
    }
  },
}

const outsideOf = (labels: ReadonlyArray<string>): number => Math.max(0, labels.indexOf("O"))

/** Of every word that has a token. */
const surprises = (
  words: ReturnType<typeof Inference.perWord>,
  scores: Float32Array,
  truth: ReadonlyArray<number>,
  classes: number,
): ReadonlyArray<number> =>
  words.flatMap(({ token }, word) =>
    token === undefined ? [] : [surprise(scores.subarray(token * classes, (token + 1) * classes), truth[word]!)],
  )
