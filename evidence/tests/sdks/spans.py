"""What a service with the official Python SDK does, told where to send by its environment."""

import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

spans = TracerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = spans.get_tracer("test")
with tracer.start_as_current_span("outer", kind=trace.SpanKind.CLIENT) as outer:
    outer.set_attribute("peer", "n3")
    outer.set_attribute("try", 2)
    outer.set_attribute("ratio", 0.5)
    outer.set_attribute("last", True)
    outer.set_attribute("path", ["a", "b"])
    outer.set_status(trace.StatusCode.ERROR)
    with tracer.start_as_current_span("inner"):
        pass

metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
metrics.get_meter("test").create_counter("requests").add(3, {"code": 200})

logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
log = logging.getLogger("test")
log.addHandler(LoggingHandler(logger_provider=logs))
log.error("disk full")

for provider in (spans, metrics, logs):
    provider.shutdown()
