/** All that decides which examples an update takes: plain JSON, part of a phase's settings. */
import { PipelineInvalid } from "@thaw/core/Errors"
import { Schema } from "effect"
import * as Classes from "./Classes.ts"
import * as Curriculum from "./Curriculum.ts"
import * as Mix from "./Mix.ts"
import * as TokenBudget from "./TokenBudget.ts"

export const fields = {
  mix: Mix.Mix,
  /**
   * `quota`: a task's updates (or rows) follow its share as closely as whole numbers can, and each example is drawn once per
   * pass. `independent`: tasks and examples are drawn by their probabilities, whatever came before.
   */
  draw: Schema.Literals(["quota", "independent"]),
  /**
   * `homogeneous`: every update has examples of one task. `heterogeneous`: of several, the mix gives the shares of rows.
   * `everyTask`: of all, each at least one.
   */
  batches: Schema.Literals(["homogeneous", "heterogeneous", "everyTask"]),
  /** Batches of so many tokens in place of so many examples. */
  tokenBudget: Schema.optionalKey(TokenBudget.TokenBudget),
  /** By task: how its classes are balanced. */
  classes: Schema.Record(Schema.String, Classes.Classes),
  /** By task: easy examples first. */
  curriculum: Schema.Record(Schema.String, Curriculum.Curriculum),
  /** Tasks that come in later than others. */
  introduction: Schema.optionalKey(Curriculum.Introduction),
} as const

const Sampling = Schema.Struct(fields)
export type Sampling = typeof Sampling.Type

/** How a task is balanced, or what comes first of it; undefined where nothing is said. A task may be called like what every object inherits. */
export const ofTask = <A>(told: Readonly<Record<string, A>>, task: string): A | undefined =>
  Object.hasOwn(told, task) ? told[task] : undefined

/** What holds unless it is told otherwise. */
export const defaults = {
  mix: Mix.proportional(),
  draw: "quota",
  batches: "homogeneous",
  classes: {},
  curriculum: {},
} as const satisfies Sampling

/**
 * Throws `PipelineInvalid` on names that are no tasks', on tasks without a weight, and on parts that contradict each other.
 *
 * @param tasks all that there are
 */
export const check = (told: Sampling, tasks: ReadonlyArray<string>): void => {
  Mix.check(told.mix, tasks, "mix")
  Mix.requireWeights(told.mix, tasks, "mix")
  Mix.checkNames(told.classes, tasks, "classes")
  Mix.checkNames(told.curriculum, tasks, "curriculum")
  if (told.introduction !== undefined) Curriculum.checkIntroduction(told.introduction, tasks, "introduction")
  checkBatches(told)
}

/** Throws `PipelineInvalid` on ways to make batches that contradict each other. */
export const checkBatches = (told: Sampling): void => {
  if (told.batches === "everyTask" && told.tokenBudget !== undefined) {
    throw refused("a number of examples for batches that have every task", "a token budget")
  }
  if (told.batches !== "homogeneous" && told.mix._tag === "alternate") {
    throw refused("homogeneous batches for tasks that alternate", `${told.batches} ones`)
  }
}

const refused = (expected: string, got: string) => new PipelineInvalid({ where: "batches", expected, got, advice: "" })
