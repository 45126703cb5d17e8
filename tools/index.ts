/** The library: what the command line does, for programs. */
export { type ErrorCode, errorCodes } from './core/error-codes.ts';
export { type ErrorJson, errorToJson, exitCodeOf, OtaError } from './core/errors.ts';
export { formatAudience, parseAudience } from './core/fleet/offers/audience-text.ts';
export type { Audience } from './core/fleet/offers/rollout-audience.ts';
export { buildImage, type ImageDescription } from './core/image/building/build-image.ts';
export type { FirmwareFile, FirmwareKind } from './core/image/firmware-file.ts';
export { parseImage } from './core/image/parse-image.ts';
export { type CheckResult, checkNames, runChecks } from './core/image/run-checks.ts';
export type * from './core/release/delivery.ts';
export type { DeliveryReport, DeployReport } from './core/release/deploy-report.ts';
export { parseManifest, type RootManifest } from './core/release/manifest.ts';
export { parseRelease, type Release } from './core/release/release.ts';
export { defaultRetryPolicy, type RetryPolicy } from './core/retry.ts';
export { defineTransport } from './transports/define.ts';
export { transports } from './transports/index.ts';
export { type Clock, createClock } from './workflows/clock.ts';
export { type DeployOptions, deploy } from './workflows/deploy.ts';
export {
  type PackageOptions,
  type PackageResult,
  packageBinary,
} from './workflows/packaging/package.ts';
export { type VerifyOptions, verify } from './workflows/signing/verify.ts';
export { type ValidateOptions, validate } from './workflows/validate.ts';
