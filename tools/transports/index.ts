import type { Transport } from '../core/release/delivery.ts';
import { arduino } from './arduino.ts';
import { esphome } from './esphome.ts';
import { https } from './https.ts';
import { mqtt } from './mqtt.ts';
import { web } from './web.ts';

/** All ways to reach a device, in the order in which help and errors list them. */
export const transports: readonly Transport[] = [mqtt, https, esphome, arduino, web];
