import type { AccountLoginCompletedNotification, AccountRateLimitsUpdatedNotification, AccountSessionsListParams, AccountSessionsResponse, AccountSessionsSwitchParams, AccountSessionsSwitchResponse, AccountUpdatedNotification, AgentMessageDeltaNotification, AppListUpdatedNotification, ApplyPatchApprovalParams, ApplyPatchApprovalResponse, AppsInstalledParams, AppsInstalledResponse, AppsListParams, AppsListResponse, AppsReadParams, AppsReadResponse, AttestationGenerateParams, AttestationGenerateResponse, AuthRecoveryNotification, BedrockCheckGovCloudRequirementsParams, BedrockCheckGovCloudRequirementsResponse, BedrockDiscoverParams, BedrockDiscoverResponse, BedrockSetupParams, BedrockSetupResponse, CancelLoginAccountParams, CancelLoginAccountResponse, ChatgptAuthTokensRefreshParams, ChatgptAuthTokensRefreshResponse, CollaborationModeListParams, CollaborationModeListResponse, CommandExecOutputDeltaNotification, CommandExecParams, CommandExecResizeParams, CommandExecResizeResponse, CommandExecResponse, CommandExecTerminateParams, CommandExecTerminateResponse, CommandExecutionOutputDeltaNotification, CommandExecutionRequestApprovalParams, CommandExecutionRequestApprovalResponse, CommandExecWriteParams, CommandExecWriteResponse, ConfigBatchWriteParams, ConfigReadParams, ConfigReadResponse, ConfigRequirementsReadResponse, ConfigValueWriteParams, ConfigWarningNotification, ConfigWriteResponse, ConsumeAccountRateLimitResetCreditParams, ConsumeAccountRateLimitResetCreditResponse, ContextCompactedNotification, CurrentTimeReadParams, CurrentTimeReadResponse, DeprecationNoticeNotification, DynamicToolCallParams, DynamicToolCallResponse, EnvironmentAddParams, EnvironmentAddResponse, EnvironmentConnectionNotification, EnvironmentInfoParams, EnvironmentInfoResponse, EnvironmentStatusParams, EnvironmentStatusResponse, ErrorNotification, ExecCommandApprovalParams, ExecCommandApprovalResponse, ExperimentalFeatureEnablementSetParams, ExperimentalFeatureEnablementSetResponse, ExperimentalFeatureListParams, ExperimentalFeatureListResponse, ExternalAgentConfigDetectParams, ExternalAgentConfigDetectResponse, ExternalAgentConfigImportCompletedNotification, ExternalAgentConfigImportHistoriesReadResponse, ExternalAgentConfigImportHistoryRecordParams, ExternalAgentConfigImportHistoryRecordResponse, ExternalAgentConfigImportParams, ExternalAgentConfigImportProgressNotification, ExternalAgentConfigImportResponse, FeedbackSaveParams, FeedbackSaveResponse, FeedbackUploadParams, FeedbackUploadResponse, FileChangeOutputDeltaNotification, FileChangePatchUpdatedNotification, FileChangeRequestApprovalParams, FileChangeRequestApprovalResponse, FsChangedNotification, FsCopyParams, FsCopyResponse, FsCreateDirectoryParams, FsCreateDirectoryResponse, FsGetMetadataParams, FsGetMetadataResponse, FsReadDirectoryParams, FsReadDirectoryResponse, FsReadFileParams, FsReadFileResponse, FsRemoveParams, FsRemoveResponse, FsUnwatchParams, FsUnwatchResponse, FsWatchParams, FsWatchResponse, FsWriteFileParams, FsWriteFileResponse, FuzzyFileSearchParams, FuzzyFileSearchResponse, FuzzyFileSearchSessionCompletedNotification, FuzzyFileSearchSessionStartParams, FuzzyFileSearchSessionStartResponse, FuzzyFileSearchSessionStopParams, FuzzyFileSearchSessionStopResponse, FuzzyFileSearchSessionUpdatedNotification, FuzzyFileSearchSessionUpdateParams, FuzzyFileSearchSessionUpdateResponse, GatewayOAuthCancelResponse, GatewayOAuthChangedNotification, GatewayOAuthLoginParams, GatewayOAuthLoginResponse, GatewayOAuthReadParams, GatewayOAuthReadResponse, GcpSetupParams, GcpSetupResponse, GetAccountParams, GetAccountRateLimitsParams, GetAccountRateLimitsResponse, GetAccountResponse, GetAccountSecuritySetupResponse, GetAccountTokenUsageParams, GetAccountTokenUsageResponse, GetAuthStatusParams, GetAuthStatusResponse, GetConversationSummaryParams, GetConversationSummaryResponse, GetWorkspaceMessagesResponse, GitDiffToRemoteParams, GitDiffToRemoteResponse, GuardianWarningNotification, HookCompletedNotification, HookStartedNotification, HooksListParams, HooksListResponse, InitializeParams, InitializeResponse, ItemCompletedNotification, ItemGuardianApprovalReviewCompletedNotification, ItemGuardianApprovalReviewStartedNotification, ItemStartedNotification, ListMcpServerStatusParams, ListMcpServerStatusResponse, LoginAccountParams, LoginAccountResponse, LogoutAccountResponse, MarketplaceAddParams, MarketplaceAddResponse, MarketplaceRemoveParams, MarketplaceRemoveResponse, MarketplaceUpgradeParams, MarketplaceUpgradeResponse, McpResourceReadParams, McpResourceReadResponse, McpServerElicitationRequestParams, McpServerElicitationRequestResponse, McpServerEventStreamNotification, McpServerEventStreamStartParams, McpServerEventStreamStartResponse, McpServerEventStreamStopParams, McpServerEventStreamStopResponse, McpServerOauthLoginCompletedNotification, McpServerOauthLoginParams, McpServerOauthLoginResponse, McpServerRefreshResponse, McpServerStatusUpdatedNotification, McpServerToolCallParams, McpServerToolCallResponse, McpToolCallProgressNotification, MemoryResetResponse, MemoryStatusParams, MemoryStatusResponse, MockExperimentalMethodParams, MockExperimentalMethodResponse, ModelListParams, ModelListResponse, ModelProviderCapabilitiesReadParams, ModelProviderCapabilitiesReadResponse, ModelProviderConfigWriteParams, ModelProviderConfigWriteResponse, ModelProviderListParams, ModelProviderListResponse, ModelReroutedNotification, ModelSafetyBufferingUpdatedNotification, ModelVerificationNotification, PermissionProfileListParams, PermissionProfileListResponse, PermissionsRequestApprovalParams, PermissionsRequestApprovalResponse, PlanDeltaNotification, PluginInstalledParams, PluginInstalledResponse, PluginInstallParams, PluginInstallResponse, PluginListParams, PluginListResponse, PluginReadParams, PluginReadResponse, PluginReconcileParams, PluginReconcileResponse, PluginSearchParams, PluginSearchResponse, PluginShareCheckoutParams, PluginShareCheckoutResponse, PluginShareDeleteParams, PluginShareDeleteResponse, PluginShareListParams, PluginShareListResponse, PluginShareSaveParams, PluginShareSaveResponse, PluginShareUpdateTargetsParams, PluginShareUpdateTargetsResponse, PluginSkillReadParams, PluginSkillReadResponse, PluginUninstallParams, PluginUninstallResponse, ProcessExitedNotification, ProcessKillParams, ProcessKillResponse, ProcessOutputDeltaNotification, ProcessResizePtyParams, ProcessResizePtyResponse, ProcessSpawnParams, ProcessSpawnResponse, ProcessWriteStdinParams, ProcessWriteStdinResponse, ProjectChangedNotification, ProjectCreateParams, ProjectCreateResponse, ProjectDeleteParams, ProjectDeleteResponse, ProjectImportParams, ProjectImportResponse, ProjectListParams, ProjectListResponse, ProjectMoveParams, ProjectMoveResponse, ProjectReadParams, ProjectReadResponse, ProjectUpdateParams, ProjectUpdateResponse, RawResponseCompletedNotification, RawResponseItemCompletedNotification, ReasoningSummaryPartAddedNotification, ReasoningSummaryTextDeltaNotification, ReasoningTextDeltaNotification, RemoteControlClientsListParams, RemoteControlClientsListResponse, RemoteControlClientsRevokeParams, RemoteControlClientsRevokeResponse, RemoteControlDisableParams, RemoteControlDisableResponse, RemoteControlEnableParams, RemoteControlEnableResponse, RemoteControlPairingStartParams, RemoteControlPairingStartResponse, RemoteControlPairingStatusParams, RemoteControlPairingStatusResponse, RemoteControlStatusChangedNotification, RemoteControlStatusReadResponse, ReviewStartParams, ReviewStartResponse, RolloutCompressResponse, SendAddCreditsNudgeEmailParams, SendAddCreditsNudgeEmailResponse, ServerDiagnosticsParams, ServerDiagnosticsResponse, ServerRequestResolvedNotification, SkillsChangedNotification, SkillsConfigWriteParams, SkillsConfigWriteResponse, SkillsExtraRootsSetParams, SkillsExtraRootsSetResponse, SkillsListParams, SkillsListResponse, StrictReviewRequiredNotification, TerminalInteractionNotification, ThreadApproveGuardianDeniedActionParams, ThreadApproveGuardianDeniedActionResponse, ThreadArchivedNotification, ThreadArchiveParams, ThreadArchiveResponse, ThreadAttachmentAddParams, ThreadAttachmentAddResponse, ThreadAttachmentListParams, ThreadAttachmentListResponse, ThreadAttachmentOwnerListParams, ThreadAttachmentOwnerListResponse, ThreadAttachmentRemoveParams, ThreadAttachmentRemoveResponse, ThreadAttachmentUpdatedNotification, ThreadBackgroundTerminalsCleanParams, ThreadBackgroundTerminalsCleanResponse, ThreadBackgroundTerminalsListParams, ThreadBackgroundTerminalsListResponse, ThreadBackgroundTerminalsTerminateParams, ThreadBackgroundTerminalsTerminateResponse, ThreadClosedNotification, ThreadCompactStartParams, ThreadCompactStartResponse, ThreadDecrementElicitationParams, ThreadDecrementElicitationResponse, ThreadDeletedNotification, ThreadDeleteParams, ThreadDeleteResponse, ThreadForkParams, ThreadForkResponse, ThreadGoalClearedNotification, ThreadGoalClearParams, ThreadGoalClearResponse, ThreadGoalGetParams, ThreadGoalGetResponse, ThreadGoalSetParams, ThreadGoalSetResponse, ThreadGoalUpdatedNotification, ThreadGuardianReviewParams, ThreadGuardianReviewResponse, ThreadIncrementElicitationParams, ThreadIncrementElicitationResponse, ThreadInjectItemsParams, ThreadInjectItemsResponse, ThreadItemsListParams, ThreadItemsListResponse, ThreadItemsReadParams, ThreadItemsReadResponse, ThreadListParams, ThreadListResponse, ThreadLoadedListParams, ThreadLoadedListResponse, ThreadMemoryModeSetParams, ThreadMemoryModeSetResponse, ThreadMemoryReadParams, ThreadMemoryReadResponse, ThreadMetadataUpdateParams, ThreadMetadataUpdateResponse, ThreadNameUpdatedNotification, ThreadPredictionRequestParams, ThreadPredictionRequestResponse, ThreadPredictionUpdatedNotification, ThreadPrepareApprovedPlanParams, ThreadPrepareApprovedPlanResponse, ThreadProjectUpdatedNotification, ThreadQueueAddParams, ThreadQueueAddResponse, ThreadQueueChangedNotification, ThreadQueueDeleteParams, ThreadQueueDeleteResponse, ThreadQueueListParams, ThreadQueueListResponse, ThreadQueueReorderParams, ThreadQueueReorderResponse, ThreadQueueStartParams, ThreadQueueStartResponse, ThreadQueueUpdateParams, ThreadQueueUpdateResponse, ThreadReadParams, ThreadReadResponse, ThreadReadStateChangedNotification, ThreadReadStateUpdateParams, ThreadReadStateUpdateResponse, ThreadRealtimeAppendAudioParams, ThreadRealtimeAppendAudioResponse, ThreadRealtimeAppendSpeechParams, ThreadRealtimeAppendSpeechResponse, ThreadRealtimeAppendTextParams, ThreadRealtimeAppendTextResponse, ThreadRealtimeClosedNotification, ThreadRealtimeErrorNotification, ThreadRealtimeItemAddedNotification, ThreadRealtimeItemCompletedNotification, ThreadRealtimeItemStartedNotification, ThreadRealtimeItemTranscriptDeltaNotification, ThreadRealtimeListVoicesParams, ThreadRealtimeListVoicesResponse, ThreadRealtimeOutputAudioDeltaNotification, ThreadRealtimeSdpNotification, ThreadRealtimeStartedNotification, ThreadRealtimeStartParams, ThreadRealtimeStartResponse, ThreadRealtimeStopParams, ThreadRealtimeStopResponse, ThreadRealtimeTranscriptDeltaNotification, ThreadRealtimeTranscriptDoneNotification, ThreadResumeParams, ThreadResumeResponse, ThreadRevertedNotification, ThreadRevertParams, ThreadRevertResponse, ThreadSampleCancelParams, ThreadSampleCancelResponse, ThreadSampleParams, ThreadSampleResponse, ThreadSearchOccurrencesParams, ThreadSearchOccurrencesResponse, ThreadSearchParams, ThreadSearchResponse, ThreadSectionChangedNotification, ThreadSectionCreateParams, ThreadSectionCreateResponse, ThreadSectionDeleteParams, ThreadSectionDeleteResponse, ThreadSectionListParams, ThreadSectionListResponse, ThreadSectionMoveParams, ThreadSectionMoveResponse, ThreadSectionUpdateParams, ThreadSectionUpdateResponse, ThreadSetNameParams, ThreadSetNameResponse, ThreadSettingsUpdatedNotification, ThreadSettingsUpdateParams, ThreadSettingsUpdateResponse, ThreadShellCommandParams, ThreadShellCommandResponse, ThreadStartedNotification, ThreadStartParams, ThreadStartResponse, ThreadStatusChangedNotification, ThreadTimelineListParams, ThreadTimelineListResponse, ThreadTokenUsageUpdatedNotification, ThreadTurnsListParams, ThreadTurnsListResponse, ThreadUnarchivedNotification, ThreadUnarchiveParams, ThreadUnarchiveResponse, ThreadUnsubscribeParams, ThreadUnsubscribeResponse, ToolRequestUserInputParams, ToolRequestUserInputResponse, TurnCompletedNotification, TurnDiffUpdatedNotification, TurnInterruptParams, TurnInterruptResponse, TurnModerationMetadataNotification, TurnPlanUpdatedNotification, TurnSettingsUpdateParams, TurnSettingsUpdateResponse, TurnStartedNotification, TurnStartParams, TurnStartResponse, TurnSteerParams, TurnSteerResponse, UserVerificationCancelParams, UserVerificationCancelResponse, UserVerificationDeleteParams, UserVerificationDeleteResponse, UserVerificationEnrollParams, UserVerificationEnrollResponse, UserVerificationStatusParams, UserVerificationStatusResponse, UserVerificationVerifyParams, UserVerificationVerifyResponse, WarningNotification, WindowsSandboxReadinessResponse, WindowsSandboxSetupCompletedNotification, WindowsSandboxSetupStartParams, WindowsSandboxSetupStartResponse, WindowsWorldWritableWarningNotification } from "./protocol.js";
/** The version of the runtime that these types were generated from. */
export declare const RUNTIME_VERSION = "0.169.0";
/** Every request from the client: its params and its result. */
export interface ClientRequests {
    "account/bedrock/checkGovCloudRequirements": {
        params: BedrockCheckGovCloudRequirementsParams;
        result: BedrockCheckGovCloudRequirementsResponse;
    };
    "account/bedrock/discover": {
        params: BedrockDiscoverParams;
        result: BedrockDiscoverResponse;
    };
    "account/bedrock/setup": {
        params: BedrockSetupParams;
        result: BedrockSetupResponse;
    };
    "account/gatewayOAuth/cancel": {
        params: undefined;
        result: GatewayOAuthCancelResponse;
    };
    "account/gatewayOAuth/login": {
        params: GatewayOAuthLoginParams | null | undefined;
        result: GatewayOAuthLoginResponse;
    };
    "account/gatewayOAuth/read": {
        params: GatewayOAuthReadParams | null | undefined;
        result: GatewayOAuthReadResponse;
    };
    "account/gcp/setup": {
        params: GcpSetupParams;
        result: GcpSetupResponse;
    };
    "account/login/cancel": {
        params: CancelLoginAccountParams;
        result: CancelLoginAccountResponse;
    };
    "account/login/start": {
        params: LoginAccountParams;
        result: LoginAccountResponse;
    };
    "account/logout": {
        params: undefined;
        result: LogoutAccountResponse;
    };
    "account/rateLimitResetCredit/consume": {
        params: ConsumeAccountRateLimitResetCreditParams;
        result: ConsumeAccountRateLimitResetCreditResponse;
    };
    "account/rateLimits/read": {
        params: GetAccountRateLimitsParams | undefined;
        result: GetAccountRateLimitsResponse;
    };
    "account/read": {
        params: GetAccountParams;
        result: GetAccountResponse;
    };
    "account/securitySetup/read": {
        params: undefined;
        result: GetAccountSecuritySetupResponse;
    };
    "account/sendAddCreditsNudgeEmail": {
        params: SendAddCreditsNudgeEmailParams;
        result: SendAddCreditsNudgeEmailResponse;
    };
    "account/usage/read": {
        params: GetAccountTokenUsageParams | undefined;
        result: GetAccountTokenUsageResponse;
    };
    "account/workspaceMessages/read": {
        params: undefined;
        result: GetWorkspaceMessagesResponse;
    };
    "accountSession/list": {
        params: AccountSessionsListParams;
        result: AccountSessionsResponse;
    };
    "accountSession/switch": {
        params: AccountSessionsSwitchParams;
        result: AccountSessionsSwitchResponse;
    };
    "app/installed": {
        params: AppsInstalledParams;
        result: AppsInstalledResponse;
    };
    "app/list": {
        params: AppsListParams;
        result: AppsListResponse;
    };
    "app/read": {
        params: AppsReadParams;
        result: AppsReadResponse;
    };
    "collaborationMode/list": {
        params: CollaborationModeListParams;
        result: CollaborationModeListResponse;
    };
    "command/exec": {
        params: CommandExecParams;
        result: CommandExecResponse;
    };
    "command/exec/resize": {
        params: CommandExecResizeParams;
        result: CommandExecResizeResponse;
    };
    "command/exec/terminate": {
        params: CommandExecTerminateParams;
        result: CommandExecTerminateResponse;
    };
    "command/exec/write": {
        params: CommandExecWriteParams;
        result: CommandExecWriteResponse;
    };
    "config/batchWrite": {
        params: ConfigBatchWriteParams;
        result: ConfigWriteResponse;
    };
    "config/mcpServer/reload": {
        params: undefined;
        result: McpServerRefreshResponse;
    };
    "config/read": {
        params: ConfigReadParams;
        result: ConfigReadResponse;
    };
    "config/value/write": {
        params: ConfigValueWriteParams;
        result: ConfigWriteResponse;
    };
    "configRequirements/read": {
        params: undefined;
        result: ConfigRequirementsReadResponse;
    };
    "environment/add": {
        params: EnvironmentAddParams;
        result: EnvironmentAddResponse;
    };
    "environment/info": {
        params: EnvironmentInfoParams;
        result: EnvironmentInfoResponse;
    };
    "environment/status": {
        params: EnvironmentStatusParams;
        result: EnvironmentStatusResponse;
    };
    "experimentalFeature/enablement/set": {
        params: ExperimentalFeatureEnablementSetParams;
        result: ExperimentalFeatureEnablementSetResponse;
    };
    "experimentalFeature/list": {
        params: ExperimentalFeatureListParams;
        result: ExperimentalFeatureListResponse;
    };
    "externalAgentConfig/detect": {
        params: ExternalAgentConfigDetectParams;
        result: ExternalAgentConfigDetectResponse;
    };
    "externalAgentConfig/import": {
        params: ExternalAgentConfigImportParams;
        result: ExternalAgentConfigImportResponse;
    };
    "externalAgentConfig/import/readHistories": {
        params: undefined;
        result: ExternalAgentConfigImportHistoriesReadResponse;
    };
    "externalAgentConfig/import/recordHistory": {
        params: ExternalAgentConfigImportHistoryRecordParams;
        result: ExternalAgentConfigImportHistoryRecordResponse;
    };
    "feedback/save": {
        params: FeedbackSaveParams;
        result: FeedbackSaveResponse;
    };
    "feedback/upload": {
        params: FeedbackUploadParams;
        result: FeedbackUploadResponse;
    };
    "fs/copy": {
        params: FsCopyParams;
        result: FsCopyResponse;
    };
    "fs/createDirectory": {
        params: FsCreateDirectoryParams;
        result: FsCreateDirectoryResponse;
    };
    "fs/getMetadata": {
        params: FsGetMetadataParams;
        result: FsGetMetadataResponse;
    };
    "fs/readDirectory": {
        params: FsReadDirectoryParams;
        result: FsReadDirectoryResponse;
    };
    "fs/readFile": {
        params: FsReadFileParams;
        result: FsReadFileResponse;
    };
    "fs/remove": {
        params: FsRemoveParams;
        result: FsRemoveResponse;
    };
    "fs/unwatch": {
        params: FsUnwatchParams;
        result: FsUnwatchResponse;
    };
    "fs/watch": {
        params: FsWatchParams;
        result: FsWatchResponse;
    };
    "fs/writeFile": {
        params: FsWriteFileParams;
        result: FsWriteFileResponse;
    };
    fuzzyFileSearch: {
        params: FuzzyFileSearchParams;
        result: FuzzyFileSearchResponse;
    };
    "fuzzyFileSearch/sessionStart": {
        params: FuzzyFileSearchSessionStartParams;
        result: FuzzyFileSearchSessionStartResponse;
    };
    "fuzzyFileSearch/sessionStop": {
        params: FuzzyFileSearchSessionStopParams;
        result: FuzzyFileSearchSessionStopResponse;
    };
    "fuzzyFileSearch/sessionUpdate": {
        params: FuzzyFileSearchSessionUpdateParams;
        result: FuzzyFileSearchSessionUpdateResponse;
    };
    getAuthStatus: {
        params: GetAuthStatusParams;
        result: GetAuthStatusResponse;
    };
    getConversationSummary: {
        params: GetConversationSummaryParams;
        result: GetConversationSummaryResponse;
    };
    gitDiffToRemote: {
        params: GitDiffToRemoteParams;
        result: GitDiffToRemoteResponse;
    };
    "hooks/list": {
        params: HooksListParams;
        result: HooksListResponse;
    };
    initialize: {
        params: InitializeParams;
        result: InitializeResponse;
    };
    "marketplace/add": {
        params: MarketplaceAddParams;
        result: MarketplaceAddResponse;
    };
    "marketplace/remove": {
        params: MarketplaceRemoveParams;
        result: MarketplaceRemoveResponse;
    };
    "marketplace/upgrade": {
        params: MarketplaceUpgradeParams;
        result: MarketplaceUpgradeResponse;
    };
    "mcpServer/event/stream/start": {
        params: McpServerEventStreamStartParams;
        result: McpServerEventStreamStartResponse;
    };
    "mcpServer/event/stream/stop": {
        params: McpServerEventStreamStopParams;
        result: McpServerEventStreamStopResponse;
    };
    "mcpServer/oauth/login": {
        params: McpServerOauthLoginParams;
        result: McpServerOauthLoginResponse;
    };
    "mcpServer/resource/read": {
        params: McpResourceReadParams;
        result: McpResourceReadResponse;
    };
    "mcpServer/tool/call": {
        params: McpServerToolCallParams;
        result: McpServerToolCallResponse;
    };
    "mcpServerStatus/list": {
        params: ListMcpServerStatusParams;
        result: ListMcpServerStatusResponse;
    };
    "memory/reset": {
        params: undefined;
        result: MemoryResetResponse;
    };
    "memory/status": {
        params: MemoryStatusParams;
        result: MemoryStatusResponse;
    };
    "mock/experimentalMethod": {
        params: MockExperimentalMethodParams;
        result: MockExperimentalMethodResponse;
    };
    "model/list": {
        params: ModelListParams;
        result: ModelListResponse;
    };
    "modelProvider/capabilities/read": {
        params: ModelProviderCapabilitiesReadParams;
        result: ModelProviderCapabilitiesReadResponse;
    };
    "modelProvider/config/write": {
        params: ModelProviderConfigWriteParams;
        result: ModelProviderConfigWriteResponse;
    };
    "modelProvider/list": {
        params: ModelProviderListParams;
        result: ModelProviderListResponse;
    };
    "permissionProfile/list": {
        params: PermissionProfileListParams;
        result: PermissionProfileListResponse;
    };
    "plugin/install": {
        params: PluginInstallParams;
        result: PluginInstallResponse;
    };
    "plugin/installed": {
        params: PluginInstalledParams;
        result: PluginInstalledResponse;
    };
    "plugin/list": {
        params: PluginListParams;
        result: PluginListResponse;
    };
    "plugin/read": {
        params: PluginReadParams;
        result: PluginReadResponse;
    };
    "plugin/reconcile": {
        params: PluginReconcileParams;
        result: PluginReconcileResponse;
    };
    "plugin/search": {
        params: PluginSearchParams;
        result: PluginSearchResponse;
    };
    "plugin/share/checkout": {
        params: PluginShareCheckoutParams;
        result: PluginShareCheckoutResponse;
    };
    "plugin/share/delete": {
        params: PluginShareDeleteParams;
        result: PluginShareDeleteResponse;
    };
    "plugin/share/list": {
        params: PluginShareListParams;
        result: PluginShareListResponse;
    };
    "plugin/share/save": {
        params: PluginShareSaveParams;
        result: PluginShareSaveResponse;
    };
    "plugin/share/updateTargets": {
        params: PluginShareUpdateTargetsParams;
        result: PluginShareUpdateTargetsResponse;
    };
    "plugin/skill/read": {
        params: PluginSkillReadParams;
        result: PluginSkillReadResponse;
    };
    "plugin/uninstall": {
        params: PluginUninstallParams;
        result: PluginUninstallResponse;
    };
    "process/kill": {
        params: ProcessKillParams;
        result: ProcessKillResponse;
    };
    "process/resizePty": {
        params: ProcessResizePtyParams;
        result: ProcessResizePtyResponse;
    };
    "process/spawn": {
        params: ProcessSpawnParams;
        result: ProcessSpawnResponse;
    };
    "process/writeStdin": {
        params: ProcessWriteStdinParams;
        result: ProcessWriteStdinResponse;
    };
    "project/create": {
        params: ProjectCreateParams;
        result: ProjectCreateResponse;
    };
    "project/delete": {
        params: ProjectDeleteParams;
        result: ProjectDeleteResponse;
    };
    "project/import": {
        params: ProjectImportParams;
        result: ProjectImportResponse;
    };
    "project/list": {
        params: ProjectListParams;
        result: ProjectListResponse;
    };
    "project/move": {
        params: ProjectMoveParams;
        result: ProjectMoveResponse;
    };
    "project/read": {
        params: ProjectReadParams;
        result: ProjectReadResponse;
    };
    "project/update": {
        params: ProjectUpdateParams;
        result: ProjectUpdateResponse;
    };
    "remoteControl/client/list": {
        params: RemoteControlClientsListParams;
        result: RemoteControlClientsListResponse;
    };
    "remoteControl/client/revoke": {
        params: RemoteControlClientsRevokeParams;
        result: RemoteControlClientsRevokeResponse;
    };
    "remoteControl/disable": {
        params: RemoteControlDisableParams | null;
        result: RemoteControlDisableResponse;
    };
    "remoteControl/enable": {
        params: RemoteControlEnableParams | null;
        result: RemoteControlEnableResponse;
    };
    "remoteControl/pairing/start": {
        params: RemoteControlPairingStartParams;
        result: RemoteControlPairingStartResponse;
    };
    "remoteControl/pairing/status": {
        params: RemoteControlPairingStatusParams;
        result: RemoteControlPairingStatusResponse;
    };
    "remoteControl/status/read": {
        params: undefined;
        result: RemoteControlStatusReadResponse;
    };
    "review/start": {
        params: ReviewStartParams;
        result: ReviewStartResponse;
    };
    "rollout/compress": {
        params: undefined;
        result: RolloutCompressResponse;
    };
    "server/diagnostics": {
        params: ServerDiagnosticsParams;
        result: ServerDiagnosticsResponse;
    };
    "skills/config/write": {
        params: SkillsConfigWriteParams;
        result: SkillsConfigWriteResponse;
    };
    "skills/extraRoots/set": {
        params: SkillsExtraRootsSetParams;
        result: SkillsExtraRootsSetResponse;
    };
    "skills/list": {
        params: SkillsListParams;
        result: SkillsListResponse;
    };
    "thread/approveGuardianDeniedAction": {
        params: ThreadApproveGuardianDeniedActionParams;
        result: ThreadApproveGuardianDeniedActionResponse;
    };
    "thread/archive": {
        params: ThreadArchiveParams;
        result: ThreadArchiveResponse;
    };
    "thread/attachment/add": {
        params: ThreadAttachmentAddParams;
        result: ThreadAttachmentAddResponse;
    };
    "thread/attachment/list": {
        params: ThreadAttachmentListParams;
        result: ThreadAttachmentListResponse;
    };
    "thread/attachment/remove": {
        params: ThreadAttachmentRemoveParams;
        result: ThreadAttachmentRemoveResponse;
    };
    "thread/attachmentOwner/list": {
        params: ThreadAttachmentOwnerListParams;
        result: ThreadAttachmentOwnerListResponse;
    };
    "thread/backgroundTerminals/clean": {
        params: ThreadBackgroundTerminalsCleanParams;
        result: ThreadBackgroundTerminalsCleanResponse;
    };
    "thread/backgroundTerminals/list": {
        params: ThreadBackgroundTerminalsListParams;
        result: ThreadBackgroundTerminalsListResponse;
    };
    "thread/backgroundTerminals/terminate": {
        params: ThreadBackgroundTerminalsTerminateParams;
        result: ThreadBackgroundTerminalsTerminateResponse;
    };
    "thread/compact/start": {
        params: ThreadCompactStartParams;
        result: ThreadCompactStartResponse;
    };
    "thread/decrement_elicitation": {
        params: ThreadDecrementElicitationParams;
        result: ThreadDecrementElicitationResponse;
    };
    "thread/delete": {
        params: ThreadDeleteParams;
        result: ThreadDeleteResponse;
    };
    "thread/fork": {
        params: ThreadForkParams;
        result: ThreadForkResponse;
    };
    "thread/goal/clear": {
        params: ThreadGoalClearParams;
        result: ThreadGoalClearResponse;
    };
    "thread/goal/get": {
        params: ThreadGoalGetParams;
        result: ThreadGoalGetResponse;
    };
    "thread/goal/set": {
        params: ThreadGoalSetParams;
        result: ThreadGoalSetResponse;
    };
    "thread/guardianReview": {
        params: ThreadGuardianReviewParams;
        result: ThreadGuardianReviewResponse;
    };
    "thread/increment_elicitation": {
        params: ThreadIncrementElicitationParams;
        result: ThreadIncrementElicitationResponse;
    };
    "thread/inject_items": {
        params: ThreadInjectItemsParams;
        result: ThreadInjectItemsResponse;
    };
    "thread/items/list": {
        params: ThreadItemsListParams;
        result: ThreadItemsListResponse;
    };
    "thread/items/read": {
        params: ThreadItemsReadParams;
        result: ThreadItemsReadResponse;
    };
    "thread/list": {
        params: ThreadListParams;
        result: ThreadListResponse;
    };
    "thread/loaded/list": {
        params: ThreadLoadedListParams;
        result: ThreadLoadedListResponse;
    };
    "thread/memory/read": {
        params: ThreadMemoryReadParams;
        result: ThreadMemoryReadResponse;
    };
    "thread/memoryMode/set": {
        params: ThreadMemoryModeSetParams;
        result: ThreadMemoryModeSetResponse;
    };
    "thread/metadata/update": {
        params: ThreadMetadataUpdateParams;
        result: ThreadMetadataUpdateResponse;
    };
    "thread/name/set": {
        params: ThreadSetNameParams;
        result: ThreadSetNameResponse;
    };
    "thread/prediction/request": {
        params: ThreadPredictionRequestParams;
        result: ThreadPredictionRequestResponse;
    };
    "thread/prepareApprovedPlan": {
        params: ThreadPrepareApprovedPlanParams;
        result: ThreadPrepareApprovedPlanResponse;
    };
    "thread/queue/add": {
        params: ThreadQueueAddParams;
        result: ThreadQueueAddResponse;
    };
    "thread/queue/delete": {
        params: ThreadQueueDeleteParams;
        result: ThreadQueueDeleteResponse;
    };
    "thread/queue/list": {
        params: ThreadQueueListParams;
        result: ThreadQueueListResponse;
    };
    "thread/queue/reorder": {
        params: ThreadQueueReorderParams;
        result: ThreadQueueReorderResponse;
    };
    "thread/queue/start": {
        params: ThreadQueueStartParams;
        result: ThreadQueueStartResponse;
    };
    "thread/queue/update": {
        params: ThreadQueueUpdateParams;
        result: ThreadQueueUpdateResponse;
    };
    "thread/read": {
        params: ThreadReadParams;
        result: ThreadReadResponse;
    };
    "thread/readState/update": {
        params: ThreadReadStateUpdateParams;
        result: ThreadReadStateUpdateResponse;
    };
    "thread/realtime/appendAudio": {
        params: ThreadRealtimeAppendAudioParams;
        result: ThreadRealtimeAppendAudioResponse;
    };
    "thread/realtime/appendSpeech": {
        params: ThreadRealtimeAppendSpeechParams;
        result: ThreadRealtimeAppendSpeechResponse;
    };
    "thread/realtime/appendText": {
        params: ThreadRealtimeAppendTextParams;
        result: ThreadRealtimeAppendTextResponse;
    };
    "thread/realtime/listVoices": {
        params: ThreadRealtimeListVoicesParams;
        result: ThreadRealtimeListVoicesResponse;
    };
    "thread/realtime/start": {
        params: ThreadRealtimeStartParams;
        result: ThreadRealtimeStartResponse;
    };
    "thread/realtime/stop": {
        params: ThreadRealtimeStopParams;
        result: ThreadRealtimeStopResponse;
    };
    "thread/resume": {
        params: ThreadResumeParams;
        result: ThreadResumeResponse;
    };
    "thread/revert": {
        params: ThreadRevertParams;
        result: ThreadRevertResponse;
    };
    "thread/sample": {
        params: ThreadSampleParams;
        result: ThreadSampleResponse;
    };
    "thread/sample/cancel": {
        params: ThreadSampleCancelParams;
        result: ThreadSampleCancelResponse;
    };
    "thread/search": {
        params: ThreadSearchParams;
        result: ThreadSearchResponse;
    };
    "thread/searchOccurrences": {
        params: ThreadSearchOccurrencesParams;
        result: ThreadSearchOccurrencesResponse;
    };
    "thread/section/move": {
        params: ThreadSectionMoveParams;
        result: ThreadSectionMoveResponse;
    };
    "thread/settings/update": {
        params: ThreadSettingsUpdateParams;
        result: ThreadSettingsUpdateResponse;
    };
    "thread/shellCommand": {
        params: ThreadShellCommandParams;
        result: ThreadShellCommandResponse;
    };
    "thread/start": {
        params: ThreadStartParams;
        result: ThreadStartResponse;
    };
    "thread/timeline/list": {
        params: ThreadTimelineListParams;
        result: ThreadTimelineListResponse;
    };
    "thread/turns/list": {
        params: ThreadTurnsListParams;
        result: ThreadTurnsListResponse;
    };
    "thread/unarchive": {
        params: ThreadUnarchiveParams;
        result: ThreadUnarchiveResponse;
    };
    "thread/unsubscribe": {
        params: ThreadUnsubscribeParams;
        result: ThreadUnsubscribeResponse;
    };
    "threadSection/create": {
        params: ThreadSectionCreateParams;
        result: ThreadSectionCreateResponse;
    };
    "threadSection/delete": {
        params: ThreadSectionDeleteParams;
        result: ThreadSectionDeleteResponse;
    };
    "threadSection/list": {
        params: ThreadSectionListParams;
        result: ThreadSectionListResponse;
    };
    "threadSection/update": {
        params: ThreadSectionUpdateParams;
        result: ThreadSectionUpdateResponse;
    };
    "turn/interrupt": {
        params: TurnInterruptParams;
        result: TurnInterruptResponse;
    };
    "turn/settings/update": {
        params: TurnSettingsUpdateParams;
        result: TurnSettingsUpdateResponse;
    };
    "turn/start": {
        params: TurnStartParams;
        result: TurnStartResponse;
    };
    "turn/steer": {
        params: TurnSteerParams;
        result: TurnSteerResponse;
    };
    "userVerification/cancel": {
        params: UserVerificationCancelParams;
        result: UserVerificationCancelResponse;
    };
    "userVerification/delete": {
        params: UserVerificationDeleteParams;
        result: UserVerificationDeleteResponse;
    };
    "userVerification/enroll": {
        params: UserVerificationEnrollParams;
        result: UserVerificationEnrollResponse;
    };
    "userVerification/status": {
        params: UserVerificationStatusParams;
        result: UserVerificationStatusResponse;
    };
    "userVerification/verify": {
        params: UserVerificationVerifyParams;
        result: UserVerificationVerifyResponse;
    };
    "windowsSandbox/readiness": {
        params: undefined;
        result: WindowsSandboxReadinessResponse;
    };
    "windowsSandbox/setupStart": {
        params: WindowsSandboxSetupStartParams;
        result: WindowsSandboxSetupStartResponse;
    };
}
/** Every request from the runtime: its params and the response it expects. */
export interface ServerRequests {
    "account/chatgptAuthTokens/refresh": {
        params: ChatgptAuthTokensRefreshParams;
        response: ChatgptAuthTokensRefreshResponse;
    };
    applyPatchApproval: {
        params: ApplyPatchApprovalParams;
        response: ApplyPatchApprovalResponse;
    };
    "attestation/generate": {
        params: AttestationGenerateParams;
        response: AttestationGenerateResponse;
    };
    "currentTime/read": {
        params: CurrentTimeReadParams;
        response: CurrentTimeReadResponse;
    };
    execCommandApproval: {
        params: ExecCommandApprovalParams;
        response: ExecCommandApprovalResponse;
    };
    "item/commandExecution/requestApproval": {
        params: CommandExecutionRequestApprovalParams;
        response: CommandExecutionRequestApprovalResponse;
    };
    "item/fileChange/requestApproval": {
        params: FileChangeRequestApprovalParams;
        response: FileChangeRequestApprovalResponse;
    };
    "item/permissions/requestApproval": {
        params: PermissionsRequestApprovalParams;
        response: PermissionsRequestApprovalResponse;
    };
    "item/tool/call": {
        params: DynamicToolCallParams;
        response: DynamicToolCallResponse;
    };
    "item/tool/requestUserInput": {
        params: ToolRequestUserInputParams;
        response: ToolRequestUserInputResponse;
    };
    "mcpServer/elicitation/request": {
        params: McpServerElicitationRequestParams;
        response: McpServerElicitationRequestResponse;
    };
}
/** Every notification from the runtime: its params. */
export interface Notifications {
    "account/gatewayOAuth/changed": GatewayOAuthChangedNotification;
    "account/login/completed": AccountLoginCompletedNotification;
    "account/rateLimits/updated": AccountRateLimitsUpdatedNotification;
    "account/updated": AccountUpdatedNotification;
    "app/list/updated": AppListUpdatedNotification;
    "autoApprovalReview/strictReviewRequired": StrictReviewRequiredNotification;
    "command/exec/outputDelta": CommandExecOutputDeltaNotification;
    configWarning: ConfigWarningNotification;
    deprecationNotice: DeprecationNoticeNotification;
    error: ErrorNotification;
    "externalAgentConfig/import/completed": ExternalAgentConfigImportCompletedNotification;
    "externalAgentConfig/import/progress": ExternalAgentConfigImportProgressNotification;
    "fs/changed": FsChangedNotification;
    "fuzzyFileSearch/sessionCompleted": FuzzyFileSearchSessionCompletedNotification;
    "fuzzyFileSearch/sessionUpdated": FuzzyFileSearchSessionUpdatedNotification;
    guardianWarning: GuardianWarningNotification;
    "hook/completed": HookCompletedNotification;
    "hook/started": HookStartedNotification;
    "item/agentMessage/delta": AgentMessageDeltaNotification;
    "item/autoApprovalReview/completed": ItemGuardianApprovalReviewCompletedNotification;
    "item/autoApprovalReview/started": ItemGuardianApprovalReviewStartedNotification;
    "item/commandExecution/outputDelta": CommandExecutionOutputDeltaNotification;
    "item/commandExecution/terminalInteraction": TerminalInteractionNotification;
    "item/completed": ItemCompletedNotification;
    "item/fileChange/outputDelta": FileChangeOutputDeltaNotification;
    "item/fileChange/patchUpdated": FileChangePatchUpdatedNotification;
    "item/mcpToolCall/progress": McpToolCallProgressNotification;
    "item/plan/delta": PlanDeltaNotification;
    "item/reasoning/summaryPartAdded": ReasoningSummaryPartAddedNotification;
    "item/reasoning/summaryTextDelta": ReasoningSummaryTextDeltaNotification;
    "item/reasoning/textDelta": ReasoningTextDeltaNotification;
    "item/started": ItemStartedNotification;
    "mcpServer/event/stream/notification": McpServerEventStreamNotification;
    "mcpServer/oauthLogin/completed": McpServerOauthLoginCompletedNotification;
    "mcpServer/startupStatus/updated": McpServerStatusUpdatedNotification;
    "model/rerouted": ModelReroutedNotification;
    "model/safetyBuffering/updated": ModelSafetyBufferingUpdatedNotification;
    "model/verification": ModelVerificationNotification;
    "modelProvider/authRecoveryCompleted": AuthRecoveryNotification;
    "modelProvider/authRecoveryStarted": AuthRecoveryNotification;
    "process/exited": ProcessExitedNotification;
    "process/outputDelta": ProcessOutputDeltaNotification;
    "project/changed": ProjectChangedNotification;
    "rawResponse/completed": RawResponseCompletedNotification;
    "rawResponseItem/completed": RawResponseItemCompletedNotification;
    "remoteControl/status/changed": RemoteControlStatusChangedNotification;
    "serverRequest/resolved": ServerRequestResolvedNotification;
    "skills/changed": SkillsChangedNotification;
    "thread/archived": ThreadArchivedNotification;
    "thread/attachment/updated": ThreadAttachmentUpdatedNotification;
    "thread/closed": ThreadClosedNotification;
    "thread/compacted": ContextCompactedNotification;
    "thread/deleted": ThreadDeletedNotification;
    "thread/environment/connected": EnvironmentConnectionNotification;
    "thread/environment/disconnected": EnvironmentConnectionNotification;
    "thread/goal/cleared": ThreadGoalClearedNotification;
    "thread/goal/updated": ThreadGoalUpdatedNotification;
    "thread/name/updated": ThreadNameUpdatedNotification;
    "thread/prediction/updated": ThreadPredictionUpdatedNotification;
    "thread/project/updated": ThreadProjectUpdatedNotification;
    "thread/queue/changed": ThreadQueueChangedNotification;
    "thread/readState/changed": ThreadReadStateChangedNotification;
    "thread/realtime/closed": ThreadRealtimeClosedNotification;
    "thread/realtime/error": ThreadRealtimeErrorNotification;
    "thread/realtime/item/completed": ThreadRealtimeItemCompletedNotification;
    "thread/realtime/item/started": ThreadRealtimeItemStartedNotification;
    "thread/realtime/item/transcript/delta": ThreadRealtimeItemTranscriptDeltaNotification;
    "thread/realtime/itemAdded": ThreadRealtimeItemAddedNotification;
    "thread/realtime/outputAudio/delta": ThreadRealtimeOutputAudioDeltaNotification;
    "thread/realtime/sdp": ThreadRealtimeSdpNotification;
    "thread/realtime/started": ThreadRealtimeStartedNotification;
    "thread/realtime/transcript/delta": ThreadRealtimeTranscriptDeltaNotification;
    "thread/realtime/transcript/done": ThreadRealtimeTranscriptDoneNotification;
    "thread/reverted": ThreadRevertedNotification;
    "thread/section/changed": ThreadSectionChangedNotification;
    "thread/settings/updated": ThreadSettingsUpdatedNotification;
    "thread/started": ThreadStartedNotification;
    "thread/status/changed": ThreadStatusChangedNotification;
    "thread/tokenUsage/updated": ThreadTokenUsageUpdatedNotification;
    "thread/unarchived": ThreadUnarchivedNotification;
    "turn/completed": TurnCompletedNotification;
    "turn/diff/updated": TurnDiffUpdatedNotification;
    "turn/moderationMetadata": TurnModerationMetadataNotification;
    "turn/plan/updated": TurnPlanUpdatedNotification;
    "turn/started": TurnStartedNotification;
    warning: WarningNotification;
    "windows/worldWritableWarning": WindowsWorldWritableWarningNotification;
    "windowsSandbox/setupCompleted": WindowsSandboxSetupCompletedNotification;
}
/** Every notification from the client: its params. */
export interface ClientNotifications {
    initialized: undefined;
}
/** The methods of the requests from the runtime. */
export declare const serverRequestMethods: readonly ["account/chatgptAuthTokens/refresh", "applyPatchApproval", "attestation/generate", "currentTime/read", "execCommandApproval", "item/commandExecution/requestApproval", "item/fileChange/requestApproval", "item/permissions/requestApproval", "item/tool/call", "item/tool/requestUserInput", "mcpServer/elicitation/request"];
/** What a notification is about, with the paths to the ids in its params; where an id is null, the next wider scope holds. */
export type NotificationScope = {
    readonly scope: "turn";
    readonly threadId: readonly string[];
    readonly turnId: readonly string[];
} | {
    readonly scope: "thread";
    readonly threadId: readonly string[];
} | {
    readonly scope: "global";
};
/** The scope of every notification from the runtime. */
export declare const notificationScopes: {
    readonly "account/gatewayOAuth/changed": {
        readonly scope: "global";
    };
    readonly "account/login/completed": {
        readonly scope: "global";
    };
    readonly "account/rateLimits/updated": {
        readonly scope: "global";
    };
    readonly "account/updated": {
        readonly scope: "global";
    };
    readonly "app/list/updated": {
        readonly scope: "global";
    };
    readonly "autoApprovalReview/strictReviewRequired": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "command/exec/outputDelta": {
        readonly scope: "global";
    };
    readonly configWarning: {
        readonly scope: "global";
    };
    readonly deprecationNotice: {
        readonly scope: "global";
    };
    readonly error: {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "externalAgentConfig/import/completed": {
        readonly scope: "global";
    };
    readonly "externalAgentConfig/import/progress": {
        readonly scope: "global";
    };
    readonly "fs/changed": {
        readonly scope: "global";
    };
    readonly "fuzzyFileSearch/sessionCompleted": {
        readonly scope: "global";
    };
    readonly "fuzzyFileSearch/sessionUpdated": {
        readonly scope: "global";
    };
    readonly guardianWarning: {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "hook/completed": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "hook/started": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/agentMessage/delta": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/autoApprovalReview/completed": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/autoApprovalReview/started": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/commandExecution/outputDelta": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/commandExecution/terminalInteraction": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/completed": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/fileChange/outputDelta": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/fileChange/patchUpdated": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/mcpToolCall/progress": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/plan/delta": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/reasoning/summaryPartAdded": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/reasoning/summaryTextDelta": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/reasoning/textDelta": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "item/started": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "mcpServer/event/stream/notification": {
        readonly scope: "global";
    };
    readonly "mcpServer/oauthLogin/completed": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "mcpServer/startupStatus/updated": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "model/rerouted": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "model/safetyBuffering/updated": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "model/verification": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "modelProvider/authRecoveryCompleted": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "modelProvider/authRecoveryStarted": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "process/exited": {
        readonly scope: "global";
    };
    readonly "process/outputDelta": {
        readonly scope: "global";
    };
    readonly "project/changed": {
        readonly scope: "global";
    };
    readonly "rawResponse/completed": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "rawResponseItem/completed": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "remoteControl/status/changed": {
        readonly scope: "global";
    };
    readonly "serverRequest/resolved": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "skills/changed": {
        readonly scope: "global";
    };
    readonly "thread/archived": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/attachment/updated": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/closed": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/compacted": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "thread/deleted": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/environment/connected": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/environment/disconnected": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/goal/cleared": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/goal/updated": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "thread/name/updated": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/prediction/updated": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/project/updated": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/queue/changed": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/readState/changed": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/closed": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/error": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/item/completed": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/item/started": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/item/transcript/delta": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/itemAdded": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/outputAudio/delta": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/sdp": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/started": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/transcript/delta": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/realtime/transcript/done": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/reverted": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/section/changed": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/settings/updated": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/started": {
        readonly scope: "thread";
        readonly threadId: readonly ["thread", "id"];
    };
    readonly "thread/status/changed": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "thread/tokenUsage/updated": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "thread/unarchived": {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "turn/completed": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turn", "id"];
    };
    readonly "turn/diff/updated": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "turn/moderationMetadata": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "turn/plan/updated": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turnId"];
    };
    readonly "turn/started": {
        readonly scope: "turn";
        readonly threadId: readonly ["threadId"];
        readonly turnId: readonly ["turn", "id"];
    };
    readonly warning: {
        readonly scope: "thread";
        readonly threadId: readonly ["threadId"];
    };
    readonly "windows/worldWritableWarning": {
        readonly scope: "global";
    };
    readonly "windowsSandbox/setupCompleted": {
        readonly scope: "global";
    };
};
/** The notifications of a turn that append `delta` to a text of an item, with the params that together say which text. */
export declare const deltaNotifications: {
    readonly "item/agentMessage/delta": readonly ["itemId"];
    readonly "item/commandExecution/outputDelta": readonly ["itemId"];
    readonly "item/fileChange/outputDelta": readonly ["itemId"];
    readonly "item/plan/delta": readonly ["itemId"];
    readonly "item/reasoning/summaryTextDelta": readonly ["itemId", "summaryIndex"];
    readonly "item/reasoning/textDelta": readonly ["itemId", "contentIndex"];
};
