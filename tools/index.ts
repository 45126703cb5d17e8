export { type ErrorCode, errorCodes } from './core/error-codes.ts';
export { OtaError } from './core/errors.ts';
export type * from './core/release/delivery.ts';
export { transports } from './transports/index.ts';
