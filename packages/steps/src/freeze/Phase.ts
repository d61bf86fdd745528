/** One phase of a freeze plan: what trains, for how long, and what else is different from the training step's own settings. */
import * as LearningRate from "@thaw/models/LearningRate"
import { Schema } from "effect"
import * as Rates from "../Rates.ts"
import * as Settings from "../training/Settings.ts"

const positive = Schema.Number.check(Schema.isGreaterThan(0))

export const Phase = Schema.Struct({
  /** Patterns of the groups that train. */
  train: Schema.NonEmptyArray(Schema.String),
  lora: Settings.fields.lora,
  /** One of three lengths; that of the training step where absent. */
  epochs: Schema.optionalKey(positive),
  updates: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  converged: Schema.optionalKey(Settings.Converged),
  tasks: Settings.fields.tasks,
  rehearse: Schema.optionalKey(Settings.fields.rehearse),
  learningRate: Schema.optionalKey(LearningRate.LearningRate),
  rates: Schema.optionalKey(Rates.Rates),
  balance: Settings.fields.balance,
  earlyStopping: Settings.fields.earlyStopping,
  unfreezeUntil: Settings.fields.unfreezeUntil,
  noWorseThan: Settings.fields.noWorseThan,
})
export type Phase = typeof Phase.Type
