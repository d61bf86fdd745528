/**
 * The command line on one page: every command, its arguments and flags. What a command does is in the file of its name
 * under `commands/`, loaded when it is called.
 */
import { Effect } from "effect"
import * as Arguments from "./Arguments.ts"
import { Argument, Command, Flag } from "./Cli.ts"

/** Calls what a command's file exports as `handle`. */
const load =
  <Given, A, E, R>(file: () => Promise<{ readonly handle: (given: Given) => Effect.Effect<A, E, R> }>) =>
  (given: Given): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.promise(file), ({ handle }) => handle(given))

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("One JSON object a line, nothing else on standard output"),
  Flag.withDefault(false),
)

const run = Command.make(
  "run",
  { file: Arguments.file, ...Arguments.flags, json },
  load(() => import("./commands/Run.ts")),
).pipe(
  Command.withShortDescription("Run a pipeline; what did not change is kept"),
  Command.withDescription(
    "Run a pipeline. Steps whose inputs, parameters and versions did not change are not run again. Ctrl-C keeps every finished step.",
  ),
  Command.withExamples([
    { command: "thaw run pipelines/quickstart.ts", description: "Run it" },
    {
      command: "thaw run pipelines/quickstart.ts --seed 8 --set train.epochs=3",
      description: "With another seed and parameter",
    },
    { command: "thaw run pipelines/quickstart.ts --json", description: "For a program that reads along" },
  ]),
)

const plan = Command.make(
  "plan",
  { file: Arguments.file, ...Arguments.flags, json },
  load(() => import("./commands/Plan.ts")),
).pipe(
  Command.withShortDescription("Show what would run, and why; run nothing"),
  Command.withDescription("Show every step of a pipeline, whether it would run, and why. Runs nothing."),
)

const why = Command.make(
  "why",
  {
    file: Arguments.file,
    step: Argument.String("step").pipe(Argument.withDescription("A step, as plan calls it")),
    ...Arguments.flags,
  },
  load(() => import("./commands/Why.ts")),
).pipe(
  Command.withShortDescription("Show which input, parameter or version makes a step run"),
  Command.withDescription(
    "Compare what decides a step's result now with its latest run: parameters, inputs, sources, version, seed, environment.",
  ),
)

const rerun = Command.make(
  "rerun",
  {
    run: Argument.String("run").pipe(
      Argument.withDescription("A run as runs lists it; the beginning of its name is enough"),
    ),
  },
  load(() => import("./commands/Rerun.ts")),
).pipe(
  Command.withShortDescription("Run a recorded run again and compare every artifact"),
  Command.withDescription(
    "Run a recorded run again (its file, seed and overrides), take no kept result, and compare every artifact bit by bit. Exit code 1 when one differs.",
  ),
)

const runs = Command.make(
  "runs",
  {
    most: Flag.Int("most").pipe(Flag.withDescription("How many, newest first"), Flag.withDefault(20)),
  },
  load(() => import("./commands/Runs.ts")),
).pipe(
  Command.withShortDescription("List runs"),
  Command.withDescription("List the runs of this project, newest first."),
)

const curve = Command.make(
  "curve",
  {
    run: Argument.String("run").pipe(
      Argument.withDescription("Runs as runs lists them; the beginning of a name is enough"),
      Argument.atLeast(1),
    ),
    out: Flag.String("out").pipe(Flag.withDescription("The picture, an .svg file"), Flag.withDefault("curve.svg")),
  },
  load(() => import("./commands/Curve.ts")),
).pipe(
  Command.withShortDescription("Draw the losses of recorded runs"),
  Command.withDescription(
    "Draw the loss of every update of recorded runs, and the losses of their evaluations, as one picture.",
  ),
)

const doctor = Command.make(
  "doctor",
  {},
  load(() => import("./commands/Doctor.ts")),
).pipe(
  Command.withShortDescription("Show what this machine has"),
  Command.withDescription(
    "Show versions, execution providers, threads, memory, the store, the arithmetic fingerprint, and which hub is asked.",
  ),
)

const predict = Command.make(
  "predict",
  {
    folder: Argument.String("folder").pipe(Argument.withDescription("A checkpoint or an export, as run saved it")),
    text: Flag.String("text").pipe(Flag.withDescription("A text to answer for; may be repeated"), Flag.atLeast(1)),
    json,
  },
  load(() => import("./commands/Predict.ts")),
).pipe(
  Command.withShortDescription("Answer every task for a text, in one pass"),
  Command.withDescription(
    "Answer every task of a checkpoint or an exported folder for one or more texts, in one pass. tasks/<task> of an exported folder answers that task.",
  ),
  Command.withExamples([
    {
      command: 'thaw predict .thaw/outputs/quickstart/model --text "The rain did not stop all day."',
      description: "One text",
    },
  ]),
)

export const thaw = Command.make("thaw").pipe(
  Command.withDescription("Declarative, multi-task fine-tuning of sentence transformers"),
  Command.withSubcommands([run, plan, why, rerun, runs, curve, doctor, predict]),
)
