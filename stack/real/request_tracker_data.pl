# What a fresh Request Tracker gets: queues with service levels, the custom fields that name an account, and the user that
# Concord logs in as. The order of the fields decides their numbers, which debezium/request_tracker/mapping.yaml uses.
@Queues = (
    { Name => 'Support', Description => 'Support', CorrespondAddress => 'support@example.invalid', SLADisabled => 0 },
    { Name => 'Escalations', Description => 'Severity 1', SLADisabled => 0 },
);
my @ticket = (LookupType => 'RT::Queue-RT::Ticket', ApplyTo => ['Support', 'Escalations'], MaxValues => 1);
@CustomFields = (
    (map { { Name => $_, Type => 'FreeformSingle', @ticket } } 'Canonical Account', 'Canonical Version', 'SLA Tier'),
    { Name => 'Severity', Type => 'SelectSingle', @ticket, Values => [map { { Name => $_, SortOrder => $_ } } 1 .. 4] },
    { Name => 'Billing Delinquent', Type => 'SelectSingle', @ticket, Values => [{ Name => 'no' }, { Name => 'yes' }] },
    { Name => 'User Canonical Account', Type => 'FreeformSingle', LookupType => 'RT::User', MaxValues => 1 },
    { Name => 'Org Canonical Account', Type => 'FreeformSingle', LookupType => 'RT::Group', MaxValues => 1 },
    { Name => 'Org Entitlement', Type => 'SelectSingle', LookupType => 'RT::Group', MaxValues => 1,
      Values => [map { { Name => "support:$_" } } qw(none standard premium enterprise)] },
    { Name => 'Org Delinquent', Type => 'SelectSingle', LookupType => 'RT::Group', MaxValues => 1,
      Values => [{ Name => 'no' }, { Name => 'yes' }] },
    { Name => 'Org Correction', Type => 'FreeformSingle', LookupType => 'RT::Group', MaxValues => 1 },
);
@Final = (sub {
    for my $name ('User Canonical Account', map { "Org $_" } 'Canonical Account', 'Entitlement', 'Delinquent', 'Correction') {
        my $field = RT::CustomField->new(RT->SystemUser);
        $field->Load($name);
        my $object = $field->LookupType eq 'RT::User' ? RT::User->new(RT->SystemUser) : RT::Group->new(RT->SystemUser);
        my ($done, $why) = $field->AddToObject($object);
        die "$name: $why" unless $done;
    }
    open my $file, '<', $ENV{RT_PASSWORD_FILE} or die "password file: $!";
    my $user = RT::User->new(RT->SystemUser);
    my ($id, $why) = $user->Create(Name => 'concord', Password => scalar(<$file>), Privileged => 1);
    die "user concord: $why" unless $id;
    for my $right (qw(SeeGroup AdminGroup AdminGroupMembership SeeCustomField ModifyCustomField
                      SeeQueue ShowTicket CreateTicket ModifyTicket CommentOnTicket)) {
        my ($granted, $reason) = $user->PrincipalObj->GrantRight(Right => $right, Object => RT->System);
        die "right $right: $reason" unless $granted;
    }
});
1;
