/**
 * `pnpm bench [--only NAME]… [--json FILE]`: how fast Thaw is on this machine, as ratios measured in one run. NAME is the
 * beginning of a case's name.
 */
import { writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import type { Case, Ratio } from "./Case.ts"
import { full2x128 } from "./cases/Full2x128.ts"
import { full6x384 } from "./cases/Full6x384.ts"
import { halfFrozen6x384 } from "./cases/HalfFrozen6x384.ts"
import { halfFrozenEpochs6x384 } from "./cases/HalfFrozenEpochs6x384.ts"
import { headsOnly6x384 } from "./cases/HeadsOnly6x384.ts"
import { loading } from "./cases/Loading.ts"
import { memory6x384 } from "./cases/Memory6x384.ts"
import { phaseStart6x384 } from "./cases/PhaseStart6x384.ts"
import { tiny } from "./cases/Tiny.ts"
import { tokenBudget } from "./cases/TokenBudget.ts"
import { tokenisation } from "./cases/Tokenisation.ts"

const cases: ReadonlyArray<Case> = [
  full6x384,
  halfFrozen6x384,
  full2x128,
  headsOnly6x384,
  halfFrozenEpochs6x384,
  memory6x384,
  phaseStart6x384,
  tokenisation,
  loading,
  tokenBudget,
]
/** Run only when they are named. */
const onDemand: ReadonlyArray<Case> = [tiny]

const { values } = parseArgs({ options: { only: { type: "string", multiple: true }, json: { type: "string" } } })
const { only, json } = values
const chosen =
  only === undefined
    ? cases
    : [...cases, ...onDemand].filter(({ name }) => only.some((beginning) => name.startsWith(beginning)))
if (chosen.length === 0) {
  const names = [...cases, ...onDemand].map(({ name }) => name)
  console.error(`bench, --only: expected the beginning of ${names.join(", ")}, got ${String(only)}.`)
  process.exit(2)
}

const measured: Array<{ readonly case: string } & Ratio> = []
for (const { name, run } of chosen) {
  console.log(name)
  const { notes, ratios } = await Effect.runPromise(run)
  for (const note of notes) console.log(`  ${note}`)
  for (const ratio of ratios) {
    const { against, median, min, max, runs, above = "Thaw is faster" } = ratio
    console.log(
      `  ${median.toFixed(2)} × ${against} (${min.toFixed(2)} to ${max.toFixed(2)} in ${runs} rounds; above 1 ${above})`,
    )
    measured.push({ case: name, against, median, min, max, runs })
  }
}
if (json !== undefined) await writeFile(json, `${JSON.stringify({ cases: measured }, undefined, 2)}\n`)
