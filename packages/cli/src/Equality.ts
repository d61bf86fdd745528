/** Whether two runs gave the same bytes, artifact by artifact, and what explains it where they did not. */
import * as ContentKey from "@thaw/core/ContentKey"
import type { Outcomes } from "@thaw/core/Driver"
import type { StepRun } from "@thaw/core/Journal"

export interface Compared {
  readonly step: string
  readonly output: string
  /** Content hash in the recorded run; `undefined` where it recorded none. */
  readonly before: string | undefined
  /** `undefined` where the pipeline has no such step or output any more. */
  readonly now: string | undefined
  readonly verdict: "same" | "differs" | "gone" | "not recorded"
  /** Differences between what decided the two, for an artifact that differs. */
  readonly because: ReadonlyArray<string>
}

/** What machines the two runs had, judged by what changes bytes and stands in the keys of steps that compute. */
export type Machines =
  | { readonly _tag: "Same"; readonly environment: Readonly<Record<string, string>> }
  | { readonly _tag: "Other"; readonly differences: ReadonlyArray<string> }
  /** No step names anything of its machine. */
  | { readonly _tag: "Unnamed" }

export const compare = (before: ReadonlyArray<StepRun>, now: Outcomes): ReadonlyArray<Compared> => {
  const recorded = new Map(before.map((stepRun) => [stepRun.step, stepRun]))
  const present = [...now].flatMap(([node, { result }]) => {
    const old = recorded.get(node.label)
    return Object.entries(result.outputs).map(([output, { hash }]): Compared => {
      const was = old?.outputs[output]?.hash
      const verdict = was === undefined ? "not recorded" : was === hash ? "same" : "differs"
      const because =
        verdict === "differs" && old !== undefined ? ContentKey.differences(old.ingredients, result.ingredients) : []
      return { step: node.label, output, before: was, now: hash, verdict, because }
    })
  })
  const seen = new Set(present.map(({ step, output }) => `${step}\0${output}`))
  const gone = before.flatMap(({ step, outputs }) =>
    Object.entries(outputs)
      .filter(([output]) => !seen.has(`${step}\0${output}`))
      .map(([output, { hash }]): Compared => ({
        step,
        output,
        before: hash,
        now: undefined,
        verdict: "gone",
        because: ["the pipeline has no such step any more"],
      })),
  )
  return [...present, ...gone]
}

export const machines = (before: ReadonlyArray<StepRun>, now: Outcomes): Machines => {
  const then = joined(before.map(({ ingredients }) => ingredients))
  const present = joined([...now.values()].map(({ result }) => result.ingredients))
  const names = [...new Set([...Object.keys(then), ...Object.keys(present)])].sort()
  if (names.length === 0) return { _tag: "Unnamed" }
  const differences = names
    .filter((name) => then[name] !== present[name])
    .map((name) => `${name}: ${then[name] ?? "none"} → ${present[name] ?? "none"}`)
  return differences.length === 0 ? { _tag: "Same", environment: present } : { _tag: "Other", differences }
}

/** The source hash that `--strict-code` puts beside the environment is of the step, not of the machine. */
const joined = (all: ReadonlyArray<ContentKey.Ingredients>): Record<string, string> => {
  const { code: _, ...environment } = Object.assign({}, ...all.map((each) => each.environment)) as Record<
    string,
    string
  >
  return environment
}
