/**
 * Property tests draw the same cases in every run, so a red test is red again. `THAW_FUZZ=1` draws new ones, and prints
 * the seed of what it finds.
 */
import fc from "fast-check"

if (process.env["THAW_FUZZ"] !== "1") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20261123 })
