//! What parsers find wrong, by number and by the name `app-layer-event` and `anomaly` records use.
//!
//! Source: the event rules of the corpora, for names.

use sluice_core::AppProtocol;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $protocol:ident, $name:literal;)*) => {
        /// Something wrong in a transaction.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "the names of most say it")]
        pub enum AppEvent { $($(#[$doc])* $variant,)* }

        impl AppEvent {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The event of this number.
            pub fn from_number(number: u64) -> Option<Self> {
                Self::ALL.get(usize::try_from(number).ok()?).copied()
            }

            /// Its name, behind the protocol's and a dot.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its protocol.
            pub const fn protocol(self) -> AppProtocol {
                match self { $(Self::$variant => AppProtocol::$protocol,)* }
            }
        }
    };
}

events! {
    /// A unit that can't be one of EtherNet/IP.
    EnipInvalidPdu = Enip, "invalid_pdu";
    /// More open transactions than are kept.
    EnipTooManyTransactions = Enip, "too_many_transactions";
    /// The protocol identifier is not 0.
    ModbusInvalidProtocolId = Modbus, "invalid_protocol_id";
    /// A response to which no request is known.
    ModbusUnsolicitedResponse = Modbus, "unsolicited_response";
    /// The length does not fit the function.
    ModbusInvalidLength = Modbus, "invalid_length";
    /// No such unit.
    ModbusInvalidUnitIdentifier = Modbus, "invalid_unit_identifier";
    /// A function that can't be: 0, or a request with the mark of an exception.
    ModbusInvalidFunctionCode = Modbus, "invalid_function_code";
    /// A number out of its range.
    ModbusInvalidValue = Modbus, "invalid_value";
    /// An exception code that is not defined.
    ModbusInvalidExceptionCode = Modbus, "invalid_exception_code";
    /// The response does not answer the request.
    ModbusValueMismatch = Modbus, "value_mismatch";
    /// More open requests than are kept.
    ModbusFlooded = Modbus, "flooded";
    /// More requests without a response than are waited for.
    Dnp3Flooded = Dnp3, "flooded";
    /// A frame too short for what it says it carries.
    Dnp3LenTooSmall = Dnp3, "len_too_small";
    /// The checksum of a frame's header is wrong.
    Dnp3BadLinkCrc = Dnp3, "bad_link_crc";
    /// The checksum of a frame's data is wrong.
    Dnp3BadTransportCrc = Dnp3, "bad_transport_crc";
    /// An object that is not known, or does not end in its message.
    Dnp3UnknownObject = Dnp3, "unknown_object";
    /// More points in one object than the settings allow.
    Dnp3TooManyPoints = Dnp3, "too_many_points";
    /// More objects in a message than the settings allow.
    Dnp3TooManyObjects = Dnp3, "too_many_objects";
    DnsInfiniteLoop = Dns, "infinite_loop";
    DnsInvalidAdditionals = Dns, "invalid_additionals";
    DnsInvalidAuthorities = Dns, "invalid_authorities";
    DnsInvalidOpcode = Dns, "invalid_opcode";
    DnsMalformedData = Dns, "malformed_data";
    DnsNameTooLong = Dns, "name_too_long";
    DnsNotRequest = Dns, "not_request";
    DnsNotResponse = Dns, "not_response";
    DnsTooManyLabels = Dns, "too_many_labels";
    DnsZFlagSet = Dns, "z_flag_set";
    MdnsInfiniteLoop = Mdns, "infinite_loop";
    MdnsInvalidAdditionals = Mdns, "invalid_additionals";
    MdnsInvalidAuthorities = Mdns, "invalid_authorities";
    MdnsInvalidOpcode = Mdns, "invalid_opcode";
    MdnsMalformedData = Mdns, "malformed_data";
    MdnsNameTooLong = Mdns, "name_too_long";
    MdnsNotRequest = Mdns, "not_request";
    MdnsNotResponse = Mdns, "not_response";
    MdnsTooManyLabels = Mdns, "too_many_labels";
    MdnsZFlagSet = Mdns, "z_flag_set";
    LlmnrInfiniteLoop = Llmnr, "infinite_loop";
    LlmnrInvalidAdditionals = Llmnr, "invalid_additionals";
    LlmnrInvalidAuthorities = Llmnr, "invalid_authorities";
    LlmnrInvalidOpcode = Llmnr, "invalid_opcode";
    LlmnrMalformedData = Llmnr, "malformed_data";
    LlmnrNameTooLong = Llmnr, "name_too_long";
    LlmnrNotRequest = Llmnr, "not_request";
    LlmnrNotResponse = Llmnr, "not_response";
    LlmnrTooManyLabels = Llmnr, "too_many_labels";
    LlmnrZFlagSet = Llmnr, "z_flag_set";
    Http100ContinueAlreadySeen = Http, "100_continue_already_seen";
    HttpAbnormalCeHeader = Http, "abnormal_ce_header";
    HttpCompressionBomb = Http, "compression_bomb";
    HttpCompressionBombLimitReached = Http, "compression_bomb_limit_reached";
    HttpDoubleEncodedUri = Http, "double_encoded_uri";
    HttpDuplicateContentLengthFieldInRequest = Http, "duplicate_content_length_field_in_request";
    HttpDuplicateContentLengthFieldInResponse = Http, "duplicate_content_length_field_in_response";
    HttpFailedProtocolChange = Http, "failed_protocol_change";
    HttpFileNameTooLong = Http, "file_name_too_long";
    HttpGzipDecompressionFailed = Http, "gzip_decompression_failed";
    HttpHostHeaderAmbiguous = Http, "host_header_ambiguous";
    HttpInvalidAuthorityPort = Http, "invalid_authority_port";
    HttpInvalidContentLengthFieldInRequest = Http, "invalid_content_length_field_in_request";
    HttpInvalidContentLengthFieldInResponse = Http, "invalid_content_length_field_in_response";
    HttpInvalidRequestChunkLen = Http, "invalid_request_chunk_len";
    HttpInvalidRequestFieldFolding = Http, "invalid_request_field_folding";
    HttpInvalidResponseChunkLen = Http, "invalid_response_chunk_len";
    HttpInvalidResponseFieldFolding = Http, "invalid_response_field_folding";
    HttpInvalidServerPortInRequest = Http, "invalid_server_port_in_request";
    HttpInvalidTransferEncodingValueInRequest = Http, "invalid_transfer_encoding_value_in_request";
    HttpInvalidTransferEncodingValueInResponse = Http, "invalid_transfer_encoding_value_in_response";
    HttpLzmaMemlimitReached = Http, "lzma_memlimit_reached";
    HttpMethodDelimNonCompliant = Http, "method_delim_non_compliant";
    HttpMissingHostHeader = Http, "missing_host_header";
    HttpMultipartGenericError = Http, "multipart_generic_error";
    HttpMultipartInvalidHeader = Http, "multipart_invalid_header";
    HttpMultipartNoFiledata = Http, "multipart_no_filedata";
    HttpRangeInvalid = Http, "range_invalid";
    HttpRequestAuthUnrecognized = Http, "request_auth_unrecognized";
    HttpRequestBodyUnexpected = Http, "request_body_unexpected";
    HttpRequestChunkExtension = Http, "request_chunk_extension";
    HttpRequestFieldMissingColon = Http, "request_field_missing_colon";
    HttpRequestFieldTooLong = Http, "request_field_too_long";
    HttpRequestHeaderHostInvalid = Http, "request_header_host_invalid";
    HttpRequestHeaderInvalid = Http, "request_header_invalid";
    HttpRequestHeaderRepetition = Http, "request_header_repetition";
    HttpRequestLineIncomplete = Http, "request_line_incomplete";
    HttpRequestLineInvalid = Http, "request_line_invalid";
    HttpRequestLineLeadingWhitespace = Http, "request_line_leading_whitespace";
    HttpRequestLineMissingProtocol = Http, "request_line_missing_protocol";
    HttpRequestServerPortTcpPortMismatch = Http, "request_server_port_tcp_port_mismatch";
    HttpRequestTooManyHeaders = Http, "request_too_many_headers";
    HttpRequestUriHostInvalid = Http, "request_uri_host_invalid";
    HttpResponseAbnormalTransferEncoding = Http, "response_abnormal_transfer_encoding";
    HttpResponseChunkExtension = Http, "response_chunk_extension";
    HttpResponseChunkedOldProto = Http, "response_chunked_old_proto";
    HttpResponseFieldMissingColon = Http, "response_field_missing_colon";
    HttpResponseFieldTooLong = Http, "response_field_too_long";
    HttpResponseHeaderInvalid = Http, "response_header_invalid";
    HttpResponseHeaderRepetition = Http, "response_header_repetition";
    HttpResponseInvalidProtocol = Http, "response_invalid_protocol";
    HttpResponseInvalidStatus = Http, "response_invalid_status";
    HttpResponseMultipartByteranges = Http, "response_multipart_byteranges";
    HttpResponseTooManyHeaders = Http, "response_too_many_headers";
    HttpTooManyEncodingLayers = Http, "too_many_encoding_layers";
    HttpTooManyWarnings = Http, "too_many_warnings";
    HttpUnableToMatchResponseToRequest = Http, "unable_to_match_response_to_request";
    HttpUnknownError = Http, "unknown_error";
    HttpUriDelimNonCompliant = Http, "uri_delim_non_compliant";
    Http2AuthorityHostMismatch = Http2, "authority_host_mismatch";
    Http2CompressionBomb = Http2, "compression_bomb";
    Http2DataStreamZero = Http2, "data_stream_zero";
    Http2DnsRequestTooLong = Http2, "dns_request_too_long";
    Http2DnsResponseTooLong = Http2, "dns_response_too_long";
    Http2ExtraHeaderData = Http2, "extra_header_data";
    Http2FailedDecompression = Http2, "failed_decompression";
    Http2HeaderIntegerOverflow = Http2, "header_integer_overflow";
    Http2InvalidClientMagic = Http2, "invalid_client_magic";
    Http2InvalidFrameData = Http2, "invalid_frame_data";
    Http2InvalidFrameHeader = Http2, "invalid_frame_header";
    Http2InvalidFrameLength = Http2, "invalid_frame_length";
    Http2InvalidHeader = Http2, "invalid_header";
    Http2InvalidHttp1Settings = Http2, "invalid_http1_settings";
    Http2InvalidRange = Http2, "invalid_range";
    Http2LongFrameData = Http2, "long_frame_data";
    Http2ReassemblyLimitReached = Http2, "reassembly_limit_reached";
    Http2StreamIdReuse = Http2, "stream_id_reuse";
    Http2TooManyFrames = Http2, "too_many_frames";
    Http2TooManyStreams = Http2, "too_many_streams";
    Http2UserinfoInUri = Http2, "userinfo_in_uri";
    QuicCryptoFragTooLong = Quic, "crypto_frag_too_long";
    QuicErrorOnData = Quic, "error_on_data";
    QuicFailedDecrypt = Quic, "failed_decrypt";
    TlsCertificateInvalidAlgorithmidentifier = Tls, "certificate_invalid_algorithmidentifier";
    TlsCertificateInvalidDate = Tls, "certificate_invalid_date";
    TlsCertificateInvalidDer = Tls, "certificate_invalid_der";
    TlsCertificateInvalidExtensions = Tls, "certificate_invalid_extensions";
    TlsCertificateInvalidIssuer = Tls, "certificate_invalid_issuer";
    TlsCertificateInvalidLength = Tls, "certificate_invalid_length";
    TlsCertificateInvalidSerial = Tls, "certificate_invalid_serial";
    TlsCertificateInvalidSubject = Tls, "certificate_invalid_subject";
    TlsCertificateInvalidValidity = Tls, "certificate_invalid_validity";
    TlsCertificateInvalidVersion = Tls, "certificate_invalid_version";
    TlsCertificateInvalidX509name = Tls, "certificate_invalid_x509name";
    TlsDataleakHeartbeatMismatch = Tls, "dataleak_heartbeat_mismatch";
    TlsErrorMessageEncountered = Tls, "error_message_encountered";
    TlsHandshakeInvalidLength = Tls, "handshake_invalid_length";
    TlsHeartbeatMessage = Tls, "heartbeat_message";
    TlsInvalidAlertMessage = Tls, "invalid_alert_message";
    TlsInvalidCertificate = Tls, "invalid_certificate";
    TlsInvalidHandshakeMessage = Tls, "invalid_handshake_message";
    TlsInvalidHeartbeatMessage = Tls, "invalid_heartbeat_message";
    TlsInvalidRecordType = Tls, "invalid_record_type";
    TlsInvalidRecordVersion = Tls, "invalid_record_version";
    TlsInvalidSniLength = Tls, "invalid_sni_length";
    TlsInvalidSniType = Tls, "invalid_sni_type";
    TlsInvalidSslRecord = Tls, "invalid_ssl_record";
    TlsInvalidSslv2Header = Tls, "invalid_sslv2_header";
    TlsInvalidTlsHeader = Tls, "invalid_tls_header";
    TlsMultipleSniExtensions = Tls, "multiple_sni_extensions";
    TlsOverflowHeartbeatMessage = Tls, "overflow_heartbeat_message";
    TlsTooManyRecordsInPacket = Tls, "too_many_records_in_packet";
}

impl AppEvent {
    /// The event of this full name, such as `modbus.flooded`.
    pub fn from_name(name: &str) -> Option<Self> {
        let (protocol, name) = name.split_once('.')?;
        // Older names, and those of events that others take the place of.
        let name = match name {
            "max_points_per_object" => "too_many_points",
            "certificate_missing_element" => "invalid_certificate",
            "certificate_unknown_element" => "certificate_invalid_der",
            "certificate_invalid_string" => "certificate_invalid_x509name",
            "not_a_request" => "not_request",
            "not_a_response" => "not_response",
            name => name,
        };
        let of = |event: &&Self| event.name() == name && event.protocol().name() == protocol;
        Self::ALL.iter().find(of).copied()
    }
}

/// A set of events: a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events([u64; AppEvent::ALL.len().div_ceil(64)]);

impl Events {
    /// None of them.
    pub const NONE: Self = Self([0; AppEvent::ALL.len().div_ceil(64)]);

    /// Adds `event`.
    #[inline]
    pub fn add(&mut self, event: AppEvent) {
        if let Some(word) = self.0.get_mut(event as usize / 64) {
            *word |= 1 << (event as usize % 64);
        }
    }

    /// Whether `event` is among them.
    #[inline]
    pub fn contains(&self, event: AppEvent) -> bool {
        self.0.get(event as usize / 64).is_some_and(|word| word >> (event as usize % 64) & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{AppEvent, Events};

    #[test]
    fn a_set_of_events_has_what_was_added_and_nothing_else() {
        let mut some = Events::NONE;
        for &event in AppEvent::ALL {
            assert!(!some.contains(event));
            some.add(event);
            assert!(AppEvent::ALL.iter().all(|&other| some.contains(other) == (other as u16 <= event as u16)));
        }
    }

    #[test]
    fn events_have_names_of_their_own() {
        for &event in AppEvent::ALL {
            let name = format!("{}.{}", event.protocol().name(), event.name());
            assert_eq!(AppEvent::from_name(&name), Some(event));
        }
        assert_eq!(AppEvent::from_name("modbus.nonsense"), None);
    }
}
