/**
 * The one door to `effect/cli`, which is tagged unstable in Effect 4: commands take its parts from here, and what it
 * says about wrong arguments is turned into our sentences here.
 */
import * as Problem from "@thaw/core/Problem"
import { Effect, Layer } from "effect"
import { Argument, CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import { ArgumentsInvalid } from "./Errors.ts"

export { Argument, Command, Flag }

/** Flags that every command has: help, version, shell completions. Mistakes are told by whoever asks for `mistakes`. */
export const layer: Layer.Layer<never> = Layer.merge(
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
  CliOutput.layerPresenter({
    present: (event) => (event._tag === "InvalidInvocation" ? Effect.void : CliOutput.defaultPresenter.present(event)),
  }),
)

/** What the parser found wrong; empty when it only wants the help shown. `undefined` for any other error. */
export const mistakes = (error: unknown): ReadonlyArray<ArgumentsInvalid> | undefined => {
  if (!CliError.isCliError(error)) return undefined
  if (error._tag !== "ShowHelp") return [mistake("thaw", error)]
  return error.errors.map((inner) => mistake(error.commandPath.join(" "), inner))
}

const mistake = (command: string, error: Exclude<CliError.CliError, CliError.ShowHelp>): ArgumentsInvalid => {
  const help = `See ${command} --help.`
  const problem = (expected: string, got: string, advice = help) =>
    new ArgumentsInvalid({ where: command, expected, got, advice })
  switch (error._tag) {
    case "UnrecognizedOption":
      return problem(
        "one of its flags",
        error.option,
        error.suggestions.length > 0 ? `Did you mean ${error.suggestions.join(" or ")}?` : help,
      )
    case "UnknownSubcommand":
      return problem(
        "one of its commands",
        JSON.stringify(error.subcommand),
        error.suggestions.length > 0 ? `Did you mean ${Problem.list(error.suggestions)}?` : help,
      )
    case "MissingArgument":
      return problem(`<${error.argument}>`, "nothing")
    case "MissingOption":
      return problem(`--${error.option}`, "nothing")
    case "UnexpectedArgument":
      return problem("no more arguments", Problem.list(error.arguments))
    case "InvalidValue":
      return problem(
        `${error.kind === "flag" ? `--${error.option}` : `<${error.option}>`} to be ${plain(error.expected)}`,
        JSON.stringify(error.value),
      )
    case "DuplicateOption":
    case "ValidationError":
    case "UserError":
      return problem("arguments it can work with", plain(error.message))
  }
}

/** A library's message as the middle of a sentence. */
const plain = (message: string): string =>
  message
    .replaceAll(/\s*\n\s*/g, " ")
    .replace(/^Expected /, "")
    .replace("a string representing a finite number", "an integer")
    .replace(/[.\s]+$/, "")
