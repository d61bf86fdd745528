/**
 * The one form every error of Thaw takes: `<where>: expected …, got …. <try this>`.
 *
 * Error classes in each package's `Errors.ts` are data with these four fields; the sentence is computed from them.
 */
import { inspect } from "node:util"
import * as Schema from "effect/Schema"

/** Fields shared by every error class. */
export const fields = {
  /** Place: a file with its row, an operator, a step, a parameter. */
  where: Schema.String,
  expected: Schema.String,
  got: Schema.String,
  /** What to do about it, a whole sentence; empty when there is nothing to advise. */
  advice: Schema.String,
}

export interface Problem {
  readonly where: string
  readonly expected: string
  readonly got: string
  readonly advice: string
}

/** The sentence shown to people. */
export const sentence = (problem: Problem): string =>
  `${problem.where}: expected ${problem.expected}, got ${problem.got}.${problem.advice === "" ? "" : ` ${problem.advice}`}`

/** Names as people read them in a list: `"a", "b", "c" and 4 more`. */
export const list = (names: Iterable<string>, most = 12): string => {
  const all = [...names]
  const shown = all.slice(0, most).map((name) => JSON.stringify(name))
  return all.length > most ? `${shown.join(", ")} and ${all.length - most} more` : shown.join(", ")
}

/**
 * The candidates that a misspelt name most likely meant, nearest first: at most `most` names within an edit distance of
 * a third of the name's length (at least 2, but less than the whole name), or that contain it, and none that is two edits
 * further away than the first. Case counts for nothing.
 */
export const nearest = (name: string, candidates: Iterable<string>, most = 3): ReadonlyArray<string> => {
  if (name === "") return []
  const sought = name.toLowerCase()
  const reach = Math.max(1, Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3))))
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, distance: distance(sought, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= reach)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .filter(({ distance }, _, [first]) => distance <= first!.distance + 1)
    .slice(0, most)
    .map(({ candidate }) => candidate)
}

/** `Did you mean "x"?` when something is near, else the whole list of what is allowed. */
export const suggestion = (name: string, candidates: Iterable<string>): string => {
  const all = [...candidates]
  if (all.length === 0) return "There are none."
  const near = nearest(name, all)
  return near.length > 0 ? `Did you mean ${list(near)}?` : `Known are ${list(all)}.`
}

/** What a schema expected, from its error's message: on one line, without the value that the message may repeat. */
export const expectation = (issue: string): string =>
  issue
    .replace(/\s*\n\s*/g, " ")
    .replace(/^Missing key/, "a value")
    .replace(/^Expected /, "")
    .replace(/,? (got|actual) .*?(?= at \[|$)/, "")
    .trim()

/** A value as people read it in a message: JSON where it has that form, never long. */
export const shown = (value: unknown): string => {
  if (value === undefined) return "nothing"
  if (typeof value === "function") return "a function"
  const text = jsonText(value) ?? inspect(value, { breakLength: Infinity, depth: 1 })
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** JSON has no form for bigints and symbols, nor for what contains itself, and makes `null` of what is no number. */
const jsonText = (value: unknown): string | undefined => {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** A part of a longer name counts as one edit away from it. A single letter is only near to what contains it. */
const distance = (sought: string, candidate: string): number =>
  candidate.includes(sought) ? 1 : sought.length === 1 ? Infinity : editDistance(sought, candidate)

/** Levenshtein distance, two rows at a time. */
const editDistance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution))
    }
    previous = current
  }
  return previous[b.length]!
}
