/** Every loss counts as its task's weight says, all the time: with weights of 1 the plain sum. */
import { Schema } from "effect"
import * as Method from "./Method.ts"

export const PlainSum = Schema.TaggedStruct("plainSum", {})
export type PlainSum = typeof PlainSum.Type

export const machine = (_: PlainSum, { tasks }: Method.World): Method.Machine =>
  Method.make({ state: Schema.Struct({}), start: {}, weights: () => Method.each(tasks, () => 1) })
