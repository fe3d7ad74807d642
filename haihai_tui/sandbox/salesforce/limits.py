"""API calls used in the last 24 hours, and the table that `/limits` shows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce.errors import ApiError

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

_DAY_S = 86_400
_BUCKET_S = 60


class Usage:
    """Counts data calls, in minutes over a rolling day."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._buckets: deque[tuple[int, int]] = deque()
        self.used = 0

    @property
    def most(self) -> int:
        """Calls allowed in 24 hours."""
        return int(str(self._org.switches["daily_api_requests"]))

    @property
    def remaining(self) -> int:
        return max(0, self.most - self.used)

    def count(self) -> None:
        """One more call; ApiError REQUEST_LIMIT_EXCEEDED when none is left."""
        minute = self._org.now() // _BUCKET_S
        while self._buckets and self._buckets[0][0] <= minute - _DAY_S // _BUCKET_S:
            self.used -= self._buckets.popleft()[1]
        if self.used >= self.most:
            message = "TotalRequests Limit exceeded."
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", message)
        if self._buckets and self._buckets[-1][0] == minute:
            self._buckets[-1] = (minute, self._buckets[-1][1] + 1)
        else:
            self._buckets.append((minute, 1))
        self.used += 1

    def use(self, calls: int) -> None:
        """Calls that somebody else made."""
        self._buckets.append((self._org.now() // _BUCKET_S, calls))
        self.used += calls

    def info(self, app: str | None) -> str:
        """The value of `Sforce-Limit-Info`; with `app`, the per-app variant."""
        text = f"api-usage={self.used}/{self.most}"
        if app is None:
            return text
        return f"{text}, per-app-api-usage={self.used}/{self.most}(appName={app})"


_TABLE = {
    "ActiveScratchOrgs": 3, "AnalyticsExternalDataSizeMB": 40960,
    "BOZosCalloutHourlyLimit": 20000, "CdpAiInferenceApiMonthlyLimit": 500000000,
    "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentEinsteinDataInsightsStoryCreation": 5,
    "ConcurrentEinsteinDiscoveryStoryCreation": 2, "ConcurrentSyncReportRuns": 20,
    "CreateCustom": 100, "DailyAnalyticsDataflowJobExecutions": 60,
    "DailyAnalyticsUploadedFilesSizeMB": 51200, "DailyApiRequests": 15000,
    "DailyAsyncApexExecutions": 250000, "DailyAsyncApexTests": 500,
    "DailyBulkApiBatches": 15000, "DailyBulkV2QueryFileStorageMB": 976562,
    "DailyBulkV2QueryJobs": 10000, "DailyDeliveredPlatformEvents": 10000,
    "DailyDurableGenericStreamingApiEvents": 10000,
    "DailyDurableStreamingApiEvents": 10000,
    "DailyEinsteinDataInsightsStoryCreation": 1000,
    "DailyEinsteinDiscoveryOptimizationJobRuns": 25,
    "DailyEinsteinDiscoveryPredictAPICalls": 50000,
    "DailyEinsteinDiscoveryPredictionsByCDC": 500000,
    "DailyEinsteinDiscoveryStoryCreation": 100, "DailyFunctionsApiCallLimit": 235000,
    "DailyGenericStreamingApiEvents": 10000, "DailyScratchOrgs": 6,
    "DailyStandardVolumePlatformEvents": 10000, "DailyStreamingApiEvents": 10000,
    "DailyWorkflowEmails": 390, "DataStorageMB": 5,
    "DurableStreamingApiConcurrentClients": 20,
    "FileStorageMB": 20, "HourlyAsyncReportRuns": 1200, "HourlyDashboardRefreshes": 200,
    "HourlyDashboardResults": 5000, "HourlyDashboardStatuses": 999999999,
    "HourlyElevateAsyncReportRuns": 1000000, "HourlyElevateSyncReportRuns": 1000000,
    "HourlyLongTermIdMapping": 100000, "HourlyManagedContentPublicRequests": 50000,
    "HourlyODataCallout": 1000, "HourlyPublishedPlatformEvents": 50000,
    "HourlyPublishedStandardVolumePlatformEvents": 1000,
    "HourlyShortTermIdMapping": 100000, "HourlySyncReportRuns": 500,
    "HourlyTimeBasedWorkflow": 50, "MassEmail": 10,
    "MaxContentDocumentsLimit": 30000000, "MonthlyEinsteinDiscoveryStoryCreation": 500,
    "MonthlyPlatformEventsUsageEntitlement": 0, "Package2VersionCreates": 6,
    "Package2VersionCreatesWithoutValidation": 500, "PermissionSets": 1500,
    "PlatformEventTriggersWithParallelProcessing": 10,
    "PrivateConnectOutboundCalloutHourlyLimitMB": 0,
    "PublishCallbackUsageInApex": 5242880, "SingleEmail": 15,
    "StreamingApiConcurrentClients": 20,
}  # fmt: skip


def limits(usage: Usage) -> dict[str, Any]:
    """`{"DailyApiRequests": {"Max": …, "Remaining": …}, …}`, in order of names."""
    table: dict[str, Any] = {
        name: {"Max": most, "Remaining": most}
        for name, most in sorted(_TABLE.items())
        if name != "CreateCustom"
    }
    table["DailyApiRequests"] = {"Max": usage.most, "Remaining": usage.remaining}
    table["PermissionSets"] = {
        "Max": 1500,
        "Remaining": 1498,
        "CreateCustom": {"Max": 1000, "Remaining": 998},
    }
    return table
