/** A world of two tasks for balancers that are tried without training. */
import * as Seed from "@thaw/core/Seed"
import * as Balance from "@thaw/steps/Balance"
import type * as Method from "@thaw/steps/balance/Method"
import { Effect } from "effect"

export const world: Method.World = {
  tasks: ["a", "b"],
  guessing: { a: Math.log(2), b: Math.log(20) },
  perEpoch: 4,
  total: 12,
  seed: Seed.make(7),
  where: "phase 1",
}
export const kinds = { a: "classification", b: "tokenClassification" } as const

export const machine = (balance: Balance.Balance, more: Partial<Method.World> = {}): Method.Machine =>
  Effect.runSync(Balance.machine(balance, { ...world, ...more }, kinds))
