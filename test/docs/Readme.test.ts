/** The README's pipeline is run as it stands, on its own data, for a few updates; and the two commands are there. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { afterAll, expect, it } from "vitest"
import * as Command from "../pipelines/command.ts"

const root = path.join(import.meta.dirname, "../..")
const readme = readFileSync(path.join(root, "README.md"), "utf8")
// Below this file, so that the snippet's imports are found.
const folder = mkdtempSync(path.join(import.meta.dirname, "snippets-"))
const { run, scores, remove } = Command.command()
afterAll(() => {
  remove()
  rmSync(folder, { recursive: true, force: true })
})

it("names the two commands that work on a fresh clone", () => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  const commands = [...readme.matchAll(/^npx -y pnpm@12 (\w+)/gm)].map(([, script]) => script!)
  expect(commands).toEqual(["quickstart", "test"])
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(commands))
})

it(
  "shows a pipeline that runs",
  async () => {
    const [, snippet] = /```ts\n([\s\S]*?)```/.exec(readme)!
    const file = path.join(folder, "triage.ts")
    writeFileSync(file, snippet!)
    cpSync(path.join(root, "pipelines/data"), path.join(folder, "data"), { recursive: true })
    await run(file, "--set", 'Train.phase 1, nothing frozen.length={"updates":3}')
    expect(Object.keys(scores("triage")).sort()).toEqual(["sentiment", "topic"])
  },
  Command.patience,
)
