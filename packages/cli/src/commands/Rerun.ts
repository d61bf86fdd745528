/** `thaw rerun`: a recorded run once more without any kept result, and whether it gave the same bytes. */
import { Journal } from "@thaw/core/Journal"
import type { Run } from "@thaw/core/Journal"
import { Effect } from "effect"
import * as Arguments from "../Arguments.ts"
import * as Equality from "../Equality.ts"
import { PipelineFileInvalid, RerunDiffers } from "../Errors.ts"
import * as Execution from "../Execution.ts"
import * as Home from "../Home.ts"
import * as Outputs from "../Outputs.ts"
import * as PipelineFile from "../PipelineFile.ts"
import * as Planning from "../Planning.ts"
import * as Provenance from "../Provenance.ts"
import * as Recorded from "../Recorded.ts"
import type { Palette } from "../render/Ansi.ts"
import { choose } from "../render/Choose.ts"
import * as Figures from "../render/Figures.ts"
import * as Table from "../render/Table.ts"
import * as Services from "../Services.ts"
import * as Stopping from "../Stopping.ts"

export const handle = ({ run: wanted }: { readonly run: string }) => {
  const home = Home.of(process.cwd())
  return again(wanted, home).pipe(Effect.provide(Services.reading(home)), Effect.scoped)
}

const again = Effect.fnUntraced(function* (wanted: string, home: string) {
  const journal = yield* Journal
  const recorded = yield* Recorded.run(wanted)
  const before = yield* journal.stepRuns(recorded.id)
  const given = yield* Arguments.recall(recorded)
  const loaded = yield* PipelineFile.load(Home.located(home, recorded.file))
  if (loaded.pipeline.name !== recorded.pipeline) {
    return yield* new PipelineFileInvalid({
      where: loaded.written,
      expected: `the pipeline ${recorded.pipeline} of run ${recorded.id}`,
      got: `the pipeline ${loaded.pipeline.name}`,
      advice: "",
    })
  }
  const prepared = yield* Planning.prepare(loaded, given)
  const make = yield* Effect.promise(() => choose(false, process.stdout))
  const renderer = yield* make(process.stdout)
  const watched = yield* Stopping.watch(renderer)
  const finished = yield* Execution.execute(
    {
      loaded,
      prepared,
      given,
      home,
      place: Outputs.inStore,
      repeats: recorded.id,
      why: `run again to compare with ${recorded.id}`,
    },
    watched.renderer,
  ).pipe(
    Effect.provide(Services.forgetful),
    Effect.onInterrupt(() =>
      renderer.say(["", "stopped: nothing was compared", `to start again: thaw rerun ${recorded.id}`]),
    ),
  )
  const compared = Equality.compare(before, finished.outcomes)
  const machines = Equality.machines(before, finished.outcomes)
  const now = yield* Provenance.collect(loaded.folder)
  yield* renderer.say([
    "",
    ...table(compared, renderer.palette).map((line) => `  ${line}`),
    "",
    ...kind(machines),
    ...provenance(recorded, now),
  ])
  const judged = compared.filter(({ verdict }) => verdict !== "not recorded")
  const wrong = judged.filter(({ verdict }) => verdict !== "same")
  if (wrong.length > 0 || judged.length === 0) {
    return yield* new RerunDiffers({
      where: `rerun of ${recorded.id}`,
      expected: judged.length === 0 ? "recorded artifacts to compare with" : "the same bytes",
      got:
        judged.length === 0
          ? "a run that recorded none"
          : `${wrong.length} of ${Figures.several(judged.length, "artifact")} with other bytes`,
      advice: machines._tag === "Other" ? "Machines of another kind agree to tolerance only." : "",
    })
  }
  const partly = compared.length > judged.length ? ` (${compared.length - judged.length} more were not recorded)` : ""
  yield* renderer.say([
    `${renderer.palette.good("same bytes")}: all ${Figures.several(judged.length, "artifact")} of ${recorded.id}${partly}, in ${Figures.seconds(finished.seconds)}`,
  ])
})

const table = (compared: ReadonlyArray<Equality.Compared>, palette: Palette): ReadonlyArray<string> => {
  const inks = { same: palette.good, differs: palette.bad, gone: palette.bad, "not recorded": palette.warn }
  return Table.lines(
    [{ title: "artifact" }, { title: "recorded" }, { title: "now" }, { title: "" }, { title: "" }],
    compared.map(({ step, output, before, now, verdict, because }) => [
      output === "value" ? step : `${step}.${output}`,
      before?.slice(0, 12) ?? "–",
      now?.slice(0, 12) ?? "–",
      inks[verdict](verdict),
      verdict === "differs" && because.length === 0 ? "though nothing that decides it changed" : because.join("; "),
    ]),
    palette,
  )
}

/** Which kind of equality was checked. */
const kind = (machines: Equality.Machines): ReadonlyArray<string> => {
  switch (machines._tag) {
    case "Same": {
      const { onnxruntime, executionProvider, instructionSet } = machines.environment
      const facts = [
        onnxruntime === undefined ? undefined : `onnxruntime ${onnxruntime}`,
        executionProvider,
        instructionSet,
      ]
      const named = facts.filter((fact) => fact !== undefined).join(", ")
      return [`checked: bit equality on the same kind of machine${named === "" ? "" : ` (${named})`}`]
    }
    case "Other":
      return [`checked: bit equality across machines of another kind (${machines.differences.join("; ")})`]
    case "Unnamed":
      return ["checked: bit equality; no step depends on the kind of machine"]
  }
}

const provenance = (recorded: Run, now: Provenance.Provenance): ReadonlyArray<string> => [
  ...(recorded.gitCommit === now.gitCommit
    ? []
    : [`since then: commit ${brief(recorded.gitCommit)} → ${brief(now.gitCommit)}`]),
  ...(recorded.lockfileHash === now.lockfileHash ? [] : ["since then: the lockfile changed"]),
  ...Object.keys({ ...recorded.versions, ...now.versions })
    .filter((name) => recorded.versions[name] !== now.versions[name])
    .map((name) => `since then: ${name} ${recorded.versions[name] ?? "–"} → ${now.versions[name] ?? "–"}`),
]

const brief = (commit: string | undefined): string =>
  commit === undefined ? "none" : commit.replace(/^([0-9a-f]{10})[0-9a-f]*/, "$1")
