"""The demo on real target systems: billing is the demo's, the ERP is Tryton, the support desk is Request Tracker."""
