/** Heads that never trained: their answers are those of random numbers, and their scores would say nothing. */
import { PipelineInvalid } from "@thaw/core/Errors"
import type { Training } from "@thaw/models/Checkpoint"
import * as Group from "@thaw/models/Group"
import * as History from "../training/History.ts"

/** Groups that had updates, also those whose counts an export has set back, and heads that came trained. */
export const trained = ({ updates, history, trainedOn = {} }: Training): ReadonlyArray<Group.Group> => [
  ...Object.keys(updates).filter((group) => updates[group]! > 0),
  ...Object.keys(trainedOn).map(Group.head),
  ...History.entries(history).flatMap(({ trainable, undone }) => (undone === undefined ? trainable : [])),
]

/**
 * A sentence about the first of the tasks whose head never trained.
 *
 * @param tasks those whose heads have weights: an encoder's own vectors say something as they are
 */
export const refusal = (
  tasks: ReadonlyArray<string>,
  groups: ReadonlyArray<Group.Group>,
  where: string,
): PipelineInvalid | undefined => {
  const task = tasks.find((each) => !groups.includes(Group.head(each)))
  if (task === undefined) return undefined
  return new PipelineInvalid({
    where: `${where}, task ${task}`,
    expected: `${Group.head(task)} to have trained`,
    got: "a head of random numbers, which never had an update",
    advice:
      "Let it train, e.g. with Freeze.backbone(). For an encoder as it is, use Evaluate.zeroShot, or fit a classifier on Encode's features.",
  })
}
