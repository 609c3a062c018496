package account;

import java.util.List;
import java.util.Set;
import org.apache.avro.generic.GenericRecord;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.format.DecodingFormat;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.factories.DeserializationFormatFactory;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.Collector;

/** A table format for Debezium envelopes in Confluent's Avro frames: every change with both of its images. */
public final class FlinkFrames implements DeserializationFormatFactory {
  static final String NAME = "debezium-frames";
  private static final ConfigOption<String> REGISTRY = ConfigOptions.key("registry").stringType().noDefaultValue();

  @Override
  public String factoryIdentifier() {
    return NAME;
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Set.of(REGISTRY);
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of();
  }

  @Override
  public DecodingFormat<DeserializationSchema<RowData>> createDecodingFormat(
      DynamicTableFactory.Context context, ReadableConfig options) {
    FactoryUtil.validateFactoryOptions(this, options);
    String registry = options.get(REGISTRY);
    return new DecodingFormat<>() {
      @Override
      public DeserializationSchema<RowData> createRuntimeDecoder(DynamicTableSource.Context source, DataType type) {
        RowType row = (RowType) type.getLogicalType();
        return new Changes(registry, row.getFieldNames(), source.createTypeInformation(type));
      }

      @Override
      public ChangelogMode getChangelogMode() {
        return ChangelogMode.all();
      }
    };
  }

  /** Envelopes to changes; a tombstone says nothing that the delete before it did not say. */
  private static final class Changes implements DeserializationSchema<RowData> {
    private static final long serialVersionUID = 1L;
    private final String registry;
    private final String[] columns;
    private final TypeInformation<RowData> type;
    private transient Frames frames;

    Changes(String registry, List<String> columns, TypeInformation<RowData> type) {
      this.registry = registry;
      this.columns = columns.toArray(new String[0]);
      this.type = type;
    }

    @Override
    public void open(InitializationContext context) {
      frames = new Frames(registry);
    }

    @Override
    public RowData deserialize(byte[] frame) {
      throw new UnsupportedOperationException("one envelope may be two changes");
    }

    @Override
    public void deserialize(byte[] frame, Collector<RowData> out) {
      if (frame == null) {
        return;
      }
      GenericRecord envelope = frames.envelope(frame);
      Object before = envelope.get("before");
      Object after = envelope.get("after");
      if (before != null) {
        out.collect(row(after == null ? RowKind.DELETE : RowKind.UPDATE_BEFORE, (GenericRecord) before));
      }
      if (after != null) {
        out.collect(row(before == null ? RowKind.INSERT : RowKind.UPDATE_AFTER, (GenericRecord) after));
      }
    }

    private RowData row(RowKind kind, GenericRecord image) {
      GenericRowData row = new GenericRowData(kind, columns.length);
      for (int at = 0; at < columns.length; at++) {
        Object value = image.get(columns[at]);
        row.setField(at, value instanceof CharSequence ? StringData.fromString(value.toString()) : value);
      }
      return row;
    }

    @Override
    public boolean isEndOfStream(RowData next) {
      return false;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
      return type;
    }
  }
}
