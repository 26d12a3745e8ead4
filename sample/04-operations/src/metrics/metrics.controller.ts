import { Controller, Get, Header } from '@nestjs/common';
import { Public } from 'nestjs-authentify';
import { SessionMetrics } from './session-metrics.js';

/** For Prometheus; in production behind a network that only it can reach. */
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: SessionMetrics) {}

  @Public()
  @Get()
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  read(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
