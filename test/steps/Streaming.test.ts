/**
 * Resident memory of a process that loads, splits and tokenises, from disk to disk. Two million rows run with
 * THAW_SLOW=1; they take minutes.
 */
import { execFile } from "node:child_process"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

interface Figures {
  readonly rows: number
  readonly parts: readonly [train: number, validation: number, test: number]
  readonly encoded: number
  readonly tokens: number
  readonly seconds: Readonly<Record<string, number>>
  readonly fileBytes: number
  readonly peakBytes: number
}

const script = path.join(import.meta.dirname, "children", "streaming.ts")

const streamed = async (rows: number): Promise<Figures> => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, String(rows), tmpdir()])
  return JSON.parse(stdout) as Figures
}

const mebibyte = 2 ** 20

describe("a file that is loaded, split and tokenised", () => {
  it("of 100,000 rows stays below 512 MiB", async () => {
    const { rows, parts, encoded, peakBytes } = await streamed(100_000)
    expect(rows).toBe(100_000)
    // All texts differ, and five strata round one text up or down each.
    expect(Math.abs(parts[1] - 5000)).toBeLessThanOrEqual(5)
    expect(Math.abs(parts[2] - 10_000)).toBeLessThanOrEqual(5)
    expect(parts[0] + parts[1] + parts[2]).toBe(100_000)
    expect(encoded).toBe(parts[0])
    expect(peakBytes).toBeLessThan(512 * mebibyte)
  }, 120_000)

  it.skipIf(process.env["THAW_SLOW"] !== "1")(
    "of 2,000,000 rows stays below 1 GiB",
    async () => {
      const { rows, parts, tokens, seconds, fileBytes, peakBytes } = await streamed(2_000_000)
      const took = Object.entries(seconds).map(([name, each]) => `${name} ${Math.round(each)} s`)
      process.stdout.write(
        `streaming: ${rows} rows, ${Math.round(fileBytes / mebibyte)} MiB, ${tokens} tokens in training, ${took.join(", ")}, peak ${Math.round(peakBytes / mebibyte)} MiB\n`,
      )
      expect(rows).toBe(2_000_000)
      expect(parts[0] + parts[1] + parts[2]).toBe(2_000_000)
      expect(peakBytes).toBeLessThan(1024 * mebibyte)
    },
    1_800_000,
  )
})
