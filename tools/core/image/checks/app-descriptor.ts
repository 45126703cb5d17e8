import { defineCheck } from '../check.ts';

export const appDescriptor = defineCheck({
  name: 'app-descriptor',
  level: 'error',
  wants: 'an app descriptor in images of the ESP32 family',
  reason:
    'bootloaders before ESP-IDF 5.2 and RAM apps look just like it, and devices refuse or lose them',
  remedy:
    'Give build/<project>.bin of an ESP-IDF build. Frameworks without a descriptor: --allow app-descriptor.',
  run({ image }) {
    if (image.kind !== 'image') return undefined;
    return {
      found: 'an image without descriptor (old bootloader, RAM app or another framework)',
      expected: 'an app with the descriptor that ESP-IDF writes',
    };
  },
});
