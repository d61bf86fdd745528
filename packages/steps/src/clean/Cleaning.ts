/**
 * What all cleaning steps have in common: they take examples that are not split yet, or training examples, and give the
 * same kind with what they did. Held-out examples stay as they are: a score on examples that were chosen or changed for
 * the score says little, so they are cleaned before the split, with all others.
 *
 * A step decides row by row. The rows are gone through once to report and once to write, so only what the decisions need
 * is in memory.
 */
import type * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import { Effect } from "effect"
import * as Report from "./Report.ts"

/** What happens to an example, and why. `what` is asked for when the report names the example. */
export type Decision =
  | { readonly removed: string; readonly what: () => string }
  | { readonly row: Dataset.Example; readonly changes: ReadonlyArray<Change> }

export interface Change {
  readonly why: string
  readonly what: () => string
}

/** @param at place of the row, from 0 */
export type Decide = (row: Dataset.Example, at: number) => Decision

export const unchanged = (row: Dataset.Example): Decision => ({ row, changes: [] })

export interface Cleaned<E> {
  readonly examples: Wire.Wire<E>
  readonly report: Wire.Wire<Report.Report>
}

/** A call takes what the step is told and the wire of examples, and gives the kind of the wire. */
export interface Cleaning<I extends Step.Fields> {
  (args: Step.Arguments<I> & { readonly examples: Wire.Wire<Dataset.Examples> }): Cleaned<Dataset.Examples>
  (args: Step.Arguments<I> & { readonly examples: Wire.Wire<Dataset.TrainExamples> }): Cleaned<Dataset.TrainExamples>
}

export interface Definition<I extends Step.Fields> {
  readonly name: string
  readonly version: string
  readonly input: I
  /** From what the step is told, and all examples where they matter, to the decisions. */
  readonly decide: (
    given: Step.Inputs<I>,
    examples: Dataset.Dataset,
    where: string,
  ) => Effect.Effect<Decide, { readonly _tag: string }>
}

export const make = <const I extends Step.Fields>(definition: Definition<I>): Cleaning<I> => {
  const { name, version, input } = definition
  const stepOf = <D extends Dataset.Dataset>(kind: Artifact.Kind<D>) =>
    Step.make({
      name,
      version,
      input: { ...input, examples: kind } as Step.Fields,
      output: { examples: kind, report: Report.kind },
      run: Effect.fnUntraced(function* (given) {
        const { label } = yield* Step.StepRun
        // The fields are the definition's own and the examples.
        const examples = given["examples"] as D
        const decide = yield* definition.decide(given as Step.Inputs<I>, examples, label)
        return yield* clean(examples, decide, label)
      }),
    })
  const unsplit = stepOf(Dataset.Examples)
  const train = stepOf(Dataset.TrainExamples)
  return ((args: { readonly examples: Wire.Wire<unknown> }) => {
    const { call, output } = args.examples
    const isTrain = Step.outputsOf(call.step)[output]?.kind === Dataset.TrainExamples.kind
    return isTrain ? train(args) : unsplit(args)
    // One of the two results that the overloads name; which one follows from the wire's kind.
  }) as Cleaning<I>
}

const clean = Effect.fnUntraced(function* <D extends Dataset.Dataset>(examples: D, decide: Decide, where: string) {
  const removed = Report.tally()
  const changed = Report.tally()
  let before = 0
  let after = 0
  let touched = false
  for (const row of Dataset.rowsOf(examples)) {
    const decision = decide(row, before++)
    if ("removed" in decision) {
      removed.add(decision.removed, row.id, decision.what)
      continue
    }
    after++
    touched ||= decision.changes.length > 0
    for (const { why, what } of decision.changes) changed.add(why, row.id, what)
  }
  const report: Report.Report = {
    step: where,
    before,
    after,
    removed: removed.entries(),
    changed: changed.entries(),
  }
  if (after === 0 && before > 0) {
    return yield* new InvalidData({
      where,
      expected: "at least one example to be left",
      got: `none of ${before}`,
      advice: report.removed.map(({ why, examples: count }) => `${count} were removed: ${why}.`).join(" "),
    })
  }
  const { emit } = yield* RunEvents
  yield* emit({ _tag: "noticed", step: where, message: Report.sentence(report) })
  const left = before === after && !touched ? examples : Dataset.withRows(examples, rowsLeft(examples, decide))
  return { examples: left, report }
})

function* rowsLeft(examples: Dataset.Dataset, decide: Decide): Generator<Dataset.Example> {
  let at = 0
  for (const row of Dataset.rowsOf(examples)) {
    const decision = decide(row, at++)
    if ("row" in decision) yield decision.row
  }
}
