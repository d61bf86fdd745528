/**
 * Which Parquet files of a dataset on a hub belong to a split.
 *
 * In this order: what the card's `configs` say; `<configuration>/<split>/0000.parquet`, as the hub converts datasets;
 * the name of a split as a word of the file's name or of a folder's (`data/train-00000-of-00002.parquet`,
 * `en/validation.parquet`), in the spellings upstream knows. A file without such a word is training data, as upstream
 * has it.
 */
import * as path from "node:path"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { Effect } from "effect"
import type { Card } from "./DatasetCard.ts"

export interface Choice {
  readonly split: string
  readonly config?: string
}

/** A file with what its place says of it. */
interface Placed {
  readonly path: string
  readonly config: string
  readonly split: string
}

export interface Found {
  /** Name of the configuration. */
  readonly config: string
  /** Sorted. */
  readonly paths: ReadonlyArray<string>
}

export const isParquet = (file: string): boolean => /\.parquet$/i.test(file)

const spellings: Readonly<Record<string, string>> = {
  training: "train",
  valid: "validation",
  val: "validation",
  dev: "validation",
  eval: "validation",
  testing: "test",
  evaluation: "test",
}
const splits = new Set(["train", "validation", "test", ...Object.keys(spellings)])
const spelt = (split: string): string => (Object.hasOwn(spellings, split) ? spellings[split]! : split)

/** @param where how messages name the dataset */
export const find = (
  where: string,
  files: ReadonlyArray<string>,
  card: Card,
  choice: Choice,
): Effect.Effect<Found, InvalidData> => {
  const parquet = files.filter(isParquet).toSorted()
  const wrong = (expected: string, got: string, advice: string) =>
    Effect.fail(new InvalidData({ where, expected, got, advice }))
  if (parquet.length === 0) {
    return wrong("Parquet files", "none", "The hub's own conversion is at the revision refs/convert/parquet.")
  }
  const said = placedBy(card, parquet)
  const placed = said.length > 0 ? said : parquet.map(placedAt)
  const configs = [...new Set(placed.map(({ config }) => config))]
  const config = choice.config ?? (configs.length === 1 ? configs[0]! : usual(card, configs))
  if (config === undefined) return wrong("a config", "none", `Known are ${Problem.list(configs)}.`)
  if (!configs.includes(config)) {
    return wrong("a config of the dataset", JSON.stringify(config), Problem.suggestion(config, configs))
  }
  const own = placed.filter((each) => each.config === config)
  const paths = own.filter(({ split }) => split === choice.split || spelt(split) === spelt(choice.split))
  if (paths.length > 0) return Effect.succeed({ config, paths: paths.map((each) => each.path) })
  const known = new Set(own.map(({ split }) => split))
  return wrong("a split of the dataset", JSON.stringify(choice.split), Problem.suggestion(choice.split, known))
}

const usual = ({ configurations }: Card, configs: ReadonlyArray<string>): string | undefined =>
  configurations.find(({ isDefault }) => isDefault)?.name ?? configs.find((name) => name === "default")

const placedBy = ({ configurations }: Card, files: ReadonlyArray<string>): ReadonlyArray<Placed> =>
  configurations.flatMap(({ name: config, patterns }) =>
    [...patterns].flatMap(([split, globs]) =>
      files
        .filter((file) => globs.some((glob) => file === glob || path.posix.matchesGlob(file, glob)))
        .map((file) => ({ path: file, config, split })),
    ),
  )

const placedAt = (file: string): Placed => {
  const [, convertedConfig, convertedSplit] = /^([^/]+)\/([^/]+)\/\d+\.parquet$/.exec(file) ?? []
  if (convertedSplit !== undefined) return { path: file, config: convertedConfig!, split: convertedSplit }
  const parts = file.split("/")
  const name = parts.pop()!
  const [, shardOf] = /^(.+)-\d+-of-\d+/.exec(name) ?? []
  const split = word(name) ?? parts.map(word).findLast((found) => found !== undefined) ?? shardOf ?? "train"
  const folder = parts.find((part) => part !== "data" && word(part) === undefined)
  return { path: file, config: folder ?? "default", split }
}

/** The first word that is a split's. */
const word = (name: string): string | undefined =>
  name
    .toLowerCase()
    .split(/[^a-z]+/)
    .find((each) => splits.has(each))
