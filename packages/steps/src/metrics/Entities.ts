/**
 * Scores of a token classification by entities: a predicted entity counts when its type and both its ends are right
 * (conlleval, Tjong Kim Sang & Buchholz 2000).
 *
 * A quotient of zero by zero is 0.
 */
import * as Chunk from "../Chunk.ts"
import * as Classification from "./Classification.ts"

export interface TypeScores extends Classification.LabelScores {
  /** How many entities are predicted. */
  readonly predicted: number
  /** How many of them are right. */
  readonly correct: number
}

export interface Scores extends Classification.Average {
  /** Sequences scored. */
  readonly examples: number
  /** Entities in truth. */
  readonly support: number
  readonly predicted: number
  readonly correct: number
  /** Tags that are right, among all tokens. */
  readonly tokenAccuracy: number
  /** Per entity type that occurs in truth or prediction, sorted; `label` is the type. */
  readonly perLabel: ReadonlyArray<TypeScores>
}

/**
 * @param truth tags of every example, one per token
 * @param predicted the same for what was predicted
 * @param reading how tags become entities: `Chunk.read` as conlleval, `Chunk.readStrict` for strict IOB2
 *
 * Throws `InvalidData` unless there is one predicted tag per token.
 */
export const score = (
  truth: ReadonlyArray<ReadonlyArray<string>>,
  predicted: ReadonlyArray<ReadonlyArray<string>>,
  reading: Chunk.Reading = Chunk.read,
): Scores => {
  Classification.requireSameLength(truth.length, predicted.length, "examples")
  const counts = new Map<string, { support: number; predicted: number; correct: number }>()
  const countsOf = (type: string) => {
    const known = counts.get(type) ?? { support: 0, predicted: 0, correct: 0 }
    counts.set(type, known)
    return known
  }
  let tokens = 0
  let tokensCorrect = 0
  truth.forEach((tags, example) => {
    const answer = predicted[example]!
    Classification.requireSameLength(tags.length, answer.length, `tokens of example ${example + 1}`)
    tokens += tags.length
    tokensCorrect += tags.filter((tag, index) => tag === answer[index]).length
    const key = ({ type, start, end }: Chunk.Chunk) => JSON.stringify([type, start, end])
    const expected = reading(tags)
    const known = new Set(expected.map(key))
    for (const { type } of expected) countsOf(type).support++
    for (const chunk of reading(answer)) {
      const count = countsOf(chunk.type)
      count.predicted++
      if (known.has(key(chunk))) count.correct++
    }
  })
  const perLabel = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, count]) => ({ label, ...Classification.average(count), ...count }))
  const total = (name: "support" | "predicted" | "correct") => perLabel.reduce((sum, scores) => sum + scores[name], 0)
  const all = { support: total("support"), predicted: total("predicted"), correct: total("correct") }
  return {
    examples: truth.length,
    ...Classification.average(all),
    ...all,
    tokenAccuracy: tokens === 0 ? 0 : tokensCorrect / tokens,
    perLabel,
  }
}
